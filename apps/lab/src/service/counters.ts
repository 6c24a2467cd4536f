import { createRequire } from 'node:module';
import { callsMade } from './calls';

/** What this process has sent since it started. */
export interface Sent {
  /** Handed to the broker, acknowledgements not counted. */
  readonly messages: number;
  /** HTTP requests to the other service. */
  readonly calls: number;
}

interface ChannelClass {
  readonly prototype: { publish(...args: unknown[]): boolean };
}

let messages = 0;

/** Counts what any part of the process publishes, the library's part too: a confirm channel publishes through this one. */
export function countMessages(): void {
  const { Channel } = createRequire(__filename)('amqplib/lib/channel_model') as { readonly Channel: ChannelClass };
  const { publish } = Channel.prototype;
  Channel.prototype.publish = function (...args) {
    messages += 1;
    return publish.apply(this, args);
  };
}

export function sent(): Sent {
  return { messages, calls: callsMade() };
}
