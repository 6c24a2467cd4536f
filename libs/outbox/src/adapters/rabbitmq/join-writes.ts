import type { Writable } from 'node:stream';

/**
 * amqplib hands its socket every message by itself, in a loop of its own: a system call each, and a packet. What a turn of
 * the event loop writes goes to the system together, at its end: nothing waits for a later one.
 */
export function joinWrites(stream: Writable): void {
  const write = stream.write.bind(stream) as (...given: unknown[]) => boolean;
  stream.write = (...given: unknown[]): boolean => {
    if (stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(() => stream.uncork());
    }
    return write(...given);
  };
}
