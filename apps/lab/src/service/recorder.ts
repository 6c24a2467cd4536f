import { createRequire } from 'node:module';
import type { ConsumeMessage, MessageProperties } from 'amqplib';
import { tellPassed } from './passed';
import { Transaction } from './transaction';

/**
 * Tells what this process says to its database and to the broker, the library's part too. For stories and pictures only:
 * it stands in every statement's way.
 */
export function recordAll(): void {
  recordStatements();
  recordMessages();
}

type Query = (this: object, config: unknown, ...rest: unknown[]) => unknown;

/** Every client speaks of one transaction at a time. */
function recordStatements(): void {
  const { Client } = createRequire(__filename)('pg') as { readonly Client: { readonly prototype: { query: Query } } };
  const { query } = Client.prototype;
  const open = new WeakMap<object, Transaction>();
  Client.prototype.query = function (config, ...rest) {
    const text = typeof config === 'string' ? config : (config as { text?: string }).text;
    const answered = (result: unknown): void => {
      const transaction = open.get(this) ?? new Transaction();
      open.set(this, transaction);
      const rows = Math.max(...[result].flat().map((each) => (each as { rowCount: number | null }).rowCount ?? 0));
      const ended = transaction.take(text ?? '', rows);
      if (ended) tellPassed({ kind: 'wrote', ...ended });
    };
    const callback = rest.findIndex((each) => typeof each === 'function');
    if (callback >= 0) {
      const given = rest[callback] as (error: unknown, result: unknown) => void;
      rest[callback] = (error: unknown, result: unknown) => {
        if (!error) answered(result);
        given(error, result);
      };
      return query.call(this, config, ...rest);
    }
    const result = query.call(this, config, ...rest);
    if (result instanceof Promise) result.then(answered, () => undefined);
    return result;
  };
}

interface Channel {
  publish(exchange: string, key: string, body: Buffer, properties?: Partial<MessageProperties>): boolean;
  consume(queue: string, callback: (message: ConsumeMessage | null) => void, options?: object): Promise<unknown>;
  ack(message: ConsumeMessage, ...rest: unknown[]): void;
  nack(message: ConsumeMessage, ...rest: unknown[]): void;
}

function recordMessages(): void {
  const { Channel } = createRequire(__filename)('amqplib/lib/channel_model') as {
    readonly Channel: { readonly prototype: Channel };
  };
  const { publish, consume, ack, nack } = Channel.prototype;
  const names = new WeakMap<object, string>();
  Channel.prototype.publish = function (exchange, key, body, properties) {
    tellPassed({ kind: 'sent', message: nameOf(key, body, properties, exchange) });
    return publish.call(this, exchange, key, body, properties);
  };
  Channel.prototype.consume = function (queue, callback, options) {
    const told = (message: ConsumeMessage | null): void => {
      if (message) {
        names.set(message, nameOf(queue, message.content, message.properties));
        tellPassed({ kind: 'received', message: names.get(message)! });
      }
      callback(message);
    };
    return consume.call(this, queue, told, options);
  };
  Channel.prototype.ack = function (message, ...rest) {
    tellPassed({ kind: 'acknowledged', message: names.get(message)! });
    return ack.call(this, message, ...rest);
  };
  Channel.prototype.nack = function (message, ...rest) {
    tellPassed({ kind: 'put back', message: names.get(message)! });
    return nack.call(this, message, ...rest);
  };
}

/** What a reader calls it: a half message and the question about it have the type of what they will become. */
function nameOf(
  keyOrQueue: string,
  body: Buffer,
  { type }: Partial<MessageProperties> = {},
  exchange?: string,
): string {
  const name = type === undefined ? keyOrQueue : String(type).replace(/^outbox\./, '');
  if (exchange === 'tallystick.half') return `half: ${name}`;
  if (keyOrQueue.endsWith('.half-checks')) return `check: ${name}`;
  const verdict = verdictIn(body);
  return verdict === undefined ? name : `${name}: ${verdict}`;
}

function verdictIn(body: Buffer): string | undefined {
  const { verdict } = JSON.parse(String(body)) as { verdict?: string };
  return verdict;
}
