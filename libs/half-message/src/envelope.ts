import type { MessageProperties } from 'amqplib';
import type { ParkCode } from './decision';
import type { HalfMessage } from './half-message';

/** A half message as the broker keeps it: how often it was asked about, and since when. */
export interface StoredHalf extends HalfMessage {
  readonly checks: number;
  /** Milliseconds since 1970, by the clock of the process that stored it. */
  readonly born: number;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * What `publish` of amqplib takes beside the body. Read by `tallystick halves` as well.
 * @param parked why it waits for a person, if it does
 */
export function propertiesOf({ id, type, checks, born }: StoredHalf, parked?: ParkCode): object {
  return {
    messageId: id,
    type,
    contentType: 'application/json',
    persistent: true,
    mandatory: true,
    headers: { 'tallystick-checks': checks, 'tallystick-born': born, ...(parked && { 'tallystick-parked': parked }) },
  };
}

/** @returns undefined for what no `propertiesOf` has written */
export function readHalf(properties: MessageProperties, content: Buffer): StoredHalf | undefined {
  const { messageId, type, headers } = properties as { messageId?: unknown; type?: unknown; headers?: object };
  const { 'tallystick-checks': checks, 'tallystick-born': born } = (headers ?? {}) as Record<string, unknown>;
  if (typeof messageId !== 'string' || !UUID.test(messageId)) return undefined;
  if (typeof type !== 'string' || type === '') return undefined;
  if (!isCount(checks) || !isCount(born)) return undefined;
  return { id: messageId, type, payload: content.toString(), checks, born };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
