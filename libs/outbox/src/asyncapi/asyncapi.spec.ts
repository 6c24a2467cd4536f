import { createRequire } from 'node:module';
import Ajv from 'ajv';
import { IsEnum, IsInt, IsOptional, IsString, IsUUID, Length, Max, Min } from 'class-validator';
import { OutboxMessage } from '../message/contract';
import { asyncApi } from './asyncapi';

enum Size {
  small = 'S',
  large = 'L',
}

@OutboxMessage({ type: 'order.requested', to: ['order-service', 'audit'] })
class OrderRequested {
  @IsUUID() id!: string;
  @Length(1, 64) sku!: string;
  @IsInt() @Min(1) @Max(9) quantity!: number;
  @IsEnum(Size) @IsOptional() size?: Size;
  @IsString({ each: true }) tags!: string[];
}

@OutboxMessage({ type: 'user.registered' })
class UserRegistered {}

const { schemasWithoutId } = createRequire(__filename)('@asyncapi/specs') as {
  schemasWithoutId: Record<string, object>;
};
const valid = new Ajv({ allErrors: true, unknownFormats: 'ignore' }).compile(schemasWithoutId['3.1.0']!);

/** Whatever a `$ref` leads to; undefined if it leads nowhere. */
function target(document: object, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
}

describe('asyncApi', () => {
  it('makes documents that the schema of AsyncAPI 3.1 takes, and in which every reference leads somewhere', () => {
    const document = asyncApi({
      service: 'order-service',
      sends: [UserRegistered, { type: 'stock.low', to: ['buying'] }],
      handles: [OrderRequested, UserRegistered],
    });
    valid(document);
    expect(valid.errors).toBeNull();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, each]) => each!);
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((each) => target(document, each) === undefined)).toEqual([]);
    valid({ ...document, channels: { broken: { address: 5 } } });
    expect(valid.errors).not.toBeNull();
  });

  it('describes payloads as far as class-validator tells', () => {
    const { components } = asyncApi({ service: 'user-service', sends: [OrderRequested] });
    expect(components).toMatchObject({
      messages: {
        'order.requested': {
          payload: {
            type: 'object',
            properties: {
              id: { type: 'string', format: 'uuid' },
              sku: { type: 'string', minLength: 1, maxLength: 64 },
              quantity: { type: 'integer', minimum: 1, maximum: 9 },
              size: { enum: ['S', 'L'] },
              tags: { type: 'array', items: { type: 'string' } },
            },
            required: expect.arrayContaining(['id', 'sku', 'quantity', 'tags']),
          },
        },
      },
    });
    expect(JSON.stringify(components)).not.toContain('"required":["size"');
  });

  it('says where requests, cancels and announcements go, and what comes back', () => {
    const { channels, operations } = asyncApi({
      service: 'user-service',
      sends: [OrderRequested, UserRegistered],
      prefix: 'shop',
    });
    expect(Object.keys(operations as object)).toEqual([
      'cancel.audit',
      'cancel.order-service',
      'send.audit.order.requested',
      'send.order-service.order.requested',
      'send.user.registered',
    ]);
    expect(channels).toMatchObject({
      'order-service.order.requested': {
        address: 'order-service.order.requested',
        bindings: { amqp: { exchange: { name: 'shop.requests', type: 'direct' } } },
      },
      'user.registered': { bindings: { amqp: { exchange: { name: 'shop.announcements', type: 'topic' } } } },
      'user-service.receipts': { address: 'user-service', bindings: { amqp: { exchange: { name: 'shop.receipts' } } } },
    });
    expect(operations).toMatchObject({
      'send.audit.order.requested': { reply: { channel: { $ref: '#/channels/user-service.receipts' } } },
      'send.user.registered': expect.not.objectContaining({ reply: expect.anything() }),
    });
  });

  it('answers whoever sent what it handles', () => {
    const { operations } = asyncApi({ service: 'order-service', handles: [OrderRequested] });
    expect(operations).toMatchObject({
      'receive.order.requested': {
        action: 'receive',
        channel: { $ref: '#/channels/order-service.order.requested' },
        reply: { address: { location: '$message.header#/cloudEvents_source' } },
      },
    });
  });

  it('finds what is only named among what a module exports', () => {
    const named = { service: 'user-service', sends: [{ type: 'order.requested', to: ['order-service'] }] };
    const exported = { OrderRequested, Size, VERSION: 1, helper: () => {} };
    expect(asyncApi({ ...named, contracts: exported })).toEqual(
      asyncApi({ service: 'user-service', sends: [OrderRequested] }),
    );
    expect(asyncApi(named).components).toMatchObject({
      messages: { 'order.requested': { payload: { type: 'object' } } },
    });
  });
});
