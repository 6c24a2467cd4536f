import { UnknownMessageError } from '../errors';
import { type ContractClass, contractOf } from '../message/contract';
import { type JsonSchema, payloadSchema } from './payload-schema';
import { CANCEL, HEADERS, RECEIPT } from './fixed-messages';

/** A message type that is known by name alone, e.g. from a database. */
export interface DescribedMessage {
  readonly type: string;
  /** The services that must answer. None: an announcement. */
  readonly to?: readonly string[];
  /** Of the payload. @default any object */
  readonly schema?: JsonSchema;
}

export interface AsyncApiOptions {
  /** Whose interface this is. */
  readonly service: string;
  /** Of the interface. @default '1.0.0' */
  readonly version?: string;
  /** What it records. */
  readonly sends?: readonly (ContractClass | DescribedMessage)[];
  /** What it has handlers for. */
  readonly handles?: readonly (ContractClass | DescribedMessage)[];
  /** What a module exports: contracts among it describe in full what `sends` and `handles` only name. */
  readonly contracts?: Readonly<Record<string, unknown>>;
  /** What the names of the exchanges begin with, as in `rabbitMq({ prefix })`. @default 'outbox' */
  readonly prefix?: string;
}

type Section = Record<string, unknown>;

/**
 * What a service sends and handles over RabbitMQ, as an AsyncAPI 3.1 document: its exchanges and routing keys, the payloads of its
 * contracts, and the receipt that answers a request as the reply. The same options make the same document, so a difference is a
 * difference of the interface.
 */
export function asyncApi(options: AsyncApiOptions): { asyncapi: '3.1.0'; [section: string]: unknown } {
  const { service, version = '1.0.0', sends = [], handles = [], contracts = {}, prefix = 'outbox' } = options;
  const inFull = new Map(Object.values(contracts).flatMap(contractIn));
  const described = (given: ContractClass | DescribedMessage): Required<DescribedMessage> =>
    typeof given === 'function'
      ? describedBy(given)
      : (inFull.get(given.type) ?? { to: [], schema: { type: 'object' }, ...given });
  const document = new Document(prefix);
  for (const sent of sends.map(described)) document.sends(service, sent);
  for (const handled of handles.map(described)) document.handles(service, handled);
  return {
    asyncapi: '3.1.0',
    info: {
      title: service,
      version,
      description: `Messages of ${service} through a transactional outbox: at least once, and each request is answered with one verdict.`,
    },
    defaultContentType: 'application/json',
    channels: sorted(document.channels),
    operations: sorted(document.operations),
    components: { messages: sorted(document.messages), messageTraits: { cloudEvent: { headers: HEADERS } } },
  };
}

function describedBy(contract: ContractClass): Required<DescribedMessage> {
  const { type, consumers } = contractOf(contract);
  return { type, to: consumers, schema: payloadSchema(contract) };
}

/** Modules export other things as well. */
function contractIn(exported: unknown): [string, Required<DescribedMessage>][] {
  if (typeof exported !== 'function') return [];
  try {
    const message = describedBy(exported as ContractClass);
    return [[message.type, message]];
  } catch (error) {
    if (error instanceof UnknownMessageError) return [];
    throw error;
  }
}

/** Collects what several messages share, once. */
class Document {
  readonly channels: Section = {};
  readonly operations: Section = {};
  readonly messages: Section = {};

  constructor(private readonly prefix: string) {}

  sends(service: string, message: Required<DescribedMessage>): void {
    this.message(message);
    const { type, to } = message;
    if (to.length === 0) {
      this.operation(`send.${type}`, 'send', this.announced(type), type);
      return;
    }
    for (const consumer of to) {
      const reply = {
        channel: ref('channels', this.receipts(service)),
        messages: [at(this.receipts(service), 'receipt')],
      };
      this.operation(`send.${consumer}.${type}`, 'send', this.requested(consumer, type), type, reply);
      this.operation(`cancel.${consumer}`, 'send', this.cancels(consumer), 'cancel', reply);
    }
  }

  handles(service: string, message: Required<DescribedMessage>): void {
    this.message(message);
    const { type, to } = message;
    if (to.length === 0) {
      this.operation(`receive.${type}`, 'receive', this.announced(type), type);
      return;
    }
    // To whoever asked: the routing key is the name of the service that sent the message.
    const reply = {
      address: { location: '$message.header#/cloudEvents_source' },
      channel: ref('channels', this.receipts(undefined)),
      messages: [at(this.receipts(undefined), 'receipt')],
    };
    this.operation(`receive.${type}`, 'receive', this.requested(service, type), type, reply);
    this.operation('receive.cancel', 'receive', this.cancels(service), 'cancel', reply);
  }

  private requested(consumer: string, type: string): string {
    return this.channel(`${consumer}.${type}`, `${consumer}.${type}`, 'requests', 'direct', type);
  }

  private announced(type: string): string {
    return this.channel(type, type, 'announcements', 'topic', type);
  }

  private cancels(consumer: string): string {
    this.messages.cancel = CANCEL;
    return this.channel(`${consumer}.cancel`, `${consumer}.cancel`, 'requests', 'direct', 'cancel');
  }

  /** @param service undefined: only known from the message that is answered */
  private receipts(service: string | undefined): string {
    this.messages.receipt = RECEIPT;
    return this.channel(`${service ?? 'sender'}.receipts`, service ?? null, 'receipts', 'direct', 'receipt');
  }

  private channel(name: string, address: string | null, exchange: string, kind: string, message: string): string {
    this.channels[name] = {
      address,
      messages: { [message]: ref('components', 'messages', message) },
      bindings: {
        amqp: {
          is: 'routingKey',
          exchange: { name: `${this.prefix}.${exchange}`, type: kind, durable: true, autoDelete: false },
          bindingVersion: '0.3.0',
        },
      },
    };
    return name;
  }

  private operation(name: string, action: string, channel: string, message: string, reply?: object): void {
    this.operations[name] = {
      action,
      channel: ref('channels', channel),
      messages: [at(channel, message)],
      ...(reply && { reply }),
      bindings: {
        amqp: {
          ...(action === 'send' ? { deliveryMode: 2, mandatory: true } : {}),
          ack: true,
          bindingVersion: '0.3.0',
        },
      },
    };
  }

  private message({ type, schema }: Required<DescribedMessage>): void {
    this.messages[type] = {
      name: type,
      contentType: 'application/json',
      payload: schema,
      traits: [ref('components', 'messageTraits', 'cloudEvent')],
      correlationId: { location: '$message.header#/cloudEvents_correlationid' },
      bindings: { amqp: { messageType: type, bindingVersion: '0.3.0' } },
    };
  }
}

const ref = (...path: readonly string[]): { $ref: string } => ({ $ref: `#/${path.join('/')}` });
const at = (channel: string, message: string): { $ref: string } => ref('channels', channel, 'messages', message);
const sorted = (section: Section): Section =>
  Object.fromEntries(Object.entries(section).sort(([one], [other]) => (one < other ? -1 : 1)));
