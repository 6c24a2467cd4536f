import { AmqpConnection, RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Injectable, Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { testBroker } from '@tallystick/services';
import { PLAIN } from '../../message/codec';
import type { TransportDeps } from '../../ports/transport';
import { ContractEndpoint } from '../../testing/transport-contract-scenario';
import { SystemClock } from '../system/system-clock';
import { SystemRandom } from '../system/system-random';
import { rabbitMq } from '.';
import { brokerAccess } from './broker-access';
import { rabbitMqSettings } from './rabbitmq-options';

@Injectable()
class Lookup {
  constructor(private readonly modules: ModuleRef) {}

  resolve = <T>(token: unknown): T | undefined => {
    try {
      return this.modules.get(token as never, { strict: false });
    } catch {
      return undefined;
    }
  };
}

describe('with golevelup, the broker is configured once', () => {
  let url: string;

  beforeAll(async () => {
    url = await testBroker('golevelup');
  });

  async function application(imports: NonNullable<Parameters<typeof Module>[0]['imports']>) {
    @Module({ imports })
    class Feature {}
    @Module({ providers: [Lookup] })
    class OutboxAlike {}
    const testing = await Test.createTestingModule({ imports: [OutboxAlike, Feature] }).compile();
    testing.useLogger(false);
    return testing.init();
  }
  const transport = (resolve: TransportDeps['resolve']) =>
    rabbitMq().create({
      service: 'order-service',
      clock: new SystemClock(),
      random: new SystemRandom(),
      monitor: { record: () => {} },
      codec: PLAIN,
      maxPayloadBytes: 262_144,
      resolve,
    });

  it('wherever RabbitMQModule is imported, and both work side by side', async () => {
    const application_ = await application([
      RabbitMQModule.forRoot({ uri: url, connectionManagerOptions: { heartbeatIntervalInSeconds: 7 } }),
    ]);
    const { resolve } = application_.get(Lookup);

    const found = brokerAccess(rabbitMqSettings({}), { resolve });
    expect(found.addresses).toEqual([expect.objectContaining({ hostname: '127.0.0.1', heartbeat: 7 })]);

    const ours = transport(resolve);
    await ours.start(new ContractEndpoint('order-service', []));
    expect(ours.ready).toBe(true);
    expect(application_.get(AmqpConnection, { strict: false }).connected).toBe(true);
    await ours.close();
    await application_.close();
  });

  it('says both ways to configure a broker if there is none', async () => {
    const application_ = await application([]);

    await expect(
      transport(application_.get(Lookup).resolve).start(new ContractEndpoint('order-service', [])),
    ).rejects.toThrow(/no broker is configured.*rabbitMq\(\{ url:.*import RabbitMQModule/);
    await application_.close();
  });
});
