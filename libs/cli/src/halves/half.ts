import type { ConfirmChannel } from 'amqplib';
import { headersOf } from '../held/command';
import { type Held, publishTo, text } from '../held/queue';

/** A half message that is parked. What stands on the broker is described in the README of `@tallystick/half-message`. */
export interface Half extends Held {
  /** Why, if the service has parked it. */
  readonly code: string | undefined;
  /** How often it was asked about. */
  readonly checks: number | undefined;
  /** Milliseconds since 1970, by the clock of the process that stored it. */
  readonly born: number | undefined;
}

export const parkedQueue = (service: string): string => `${service}.half-parked`;

const CHECKS = 'tallystick-checks';
const BORN = 'tallystick-born';
const CODE = 'tallystick-parked';

export function half(held: Held): Half {
  const headers = headersOf(held);
  return { ...held, code: text(headers[CODE]), checks: count(headers[CHECKS]), born: count(headers[BORN]) };
}

/** Why nobody should ask about it again; undefined if somebody may. */
export function retryProblem({ id, checks, born, code }: Half, evenOld: boolean): string | undefined {
  if (id === undefined || checks === undefined || born === undefined)
    return 'it is no half message: look, then drop it';
  if (code !== 'TOO_OLD' || evenOld) return undefined;
  return (
    'it is older than maxAge: whatever remembers that it was shown may be pruned, and then it would be shown again. ' +
    'Make sure that it was not, then give --even-old'
  );
}

/** Lets the service be asked about it at once, as if it were new. @throws Error if nobody is there to be asked */
export async function askAgain(channel: ConfirmChannel, service: string, { message }: Half): Promise<void> {
  const { messageId, type, contentType } = message.properties;
  await publishTo(channel, 'tallystick.half-checks', service, message.content, {
    ...{ messageId, type, contentType },
    headers: { [CHECKS]: 0, [BORN]: Date.now() },
  });
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}
