import type { Channel } from 'amqplib';
import type { Readable, Writable } from 'node:stream';

/** What amqplib's types leave out: what a channel has still to send, and the socket. */
interface Internals {
  readonly ch?: number;
  readonly connection?: {
    readonly stream: Writable;
    readonly channels?: readonly ({ readonly buffer: Readable } | null | undefined)[];
  };
}

/**
 * Sends at once what this channel was given. amqplib comes to it later, in a loop of its own, behind everything else that is
 * ready to run: 0.3 ms of a process that has other work. An amqplib that is built another way goes on as it always did.
 */
export function sendNow(channel: Channel): void {
  const { ch = 0, connection } = channel as unknown as Internals;
  const frames = connection?.channels?.[ch]?.buffer;
  if (!connection || !frames) return;
  for (let frame: unknown = frames.read(); frame; frame = frames.read()) connection.stream.write(frame);
  connection.stream.uncork();
}
