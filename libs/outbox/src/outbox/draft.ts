import { InvalidMessageError } from '../errors';
import { conversationHeaders } from '../message/conversation';
import { deadlineProblem, type MessageContract } from '../message/contract';
import { EVERYBODY, LISTENERS_HEADER } from '../message/delivery';
import { describeMs, type Duration, noDuration, toMs } from '../message/duration';
import { isReservedHeader } from '../message/envelope';
import { headerNameProblem, headerValueProblem, shortTextProblem, uuidProblem } from '../message/fields';
import { writePayload } from '../message/payload';
import type { Random } from '../ports/clock';
import type { NewMessage } from '../ports/store';

export interface DraftSettings {
  readonly service: string;
  readonly maxPayloadBytes: number;
  readonly giveUpAfterMs: number;
  readonly horizonMs: number;
  /** What the transport can carry, in bytes, as far as it is known. */
  maxBodyBytes?(): number | undefined;
}

/** A message that can be recorded. Whether it is handed off is decided later. */
export type Draft = Omit<NewMessage, 'lease'>;

interface DraftOptions {
  readonly id?: string;
  readonly delay?: Duration;
  readonly headers?: Record<string, string>;
}

const MAX_HEADER_BYTES = 4 * 1024;

/**
 * Refuses whatever its readers would refuse later: once it is recorded there is no way back.
 * @throws InvalidMessageError
 */
export async function draftOf(
  settings: DraftSettings,
  random: Random,
  contract: MessageContract,
  data: object,
  options: DraftOptions,
): Promise<Draft> {
  const id = options.id ?? random.id();
  if (uuidProblem(id) !== undefined)
    throw new InvalidMessageError(`The message id must be a UUID, not '${id.slice(0, 64)}'.`, []);
  const delayMs = checkedDelay(settings, contract, options.delay);
  const { payload, key } = await contentOf(settings, contract, data);
  return {
    id: id.toLowerCase(),
    type: contract.type,
    source: settings.service,
    key,
    payload,
    headers: {
      ...conversationHeaders(),
      ...checkedHeaders(options.headers),
      ...(contract.listeners === 'optional' && { [LISTENERS_HEADER]: 'optional' }),
    },
    deliveries:
      contract.consumers.length === 0
        ? [{ consumer: EVERYBODY, followUp: 'none' }]
        : contract.consumers.map((consumer) => ({ consumer, followUp: contract.followUp ?? 'none' })),
    delayMs,
    deadlineMs: contract.deadlineMs,
    ordered: contract.ordered,
    giveUpAfterMs: settings.giveUpAfterMs,
  };
}

/** What it says, and about whom. @throws InvalidMessageError */
export async function contentOf(
  { maxPayloadBytes, maxBodyBytes }: DraftSettings,
  contract: MessageContract,
  data: object,
): Promise<Pick<Draft, 'payload' | 'key'>> {
  const payload = await writePayload(contract, data, maxPayloadBytes, maxBodyBytes?.());
  const key = contract.keyOf(data);
  const problem = key === undefined ? undefined : shortTextProblem(key);
  if (problem !== undefined)
    throw new InvalidMessageError(`The key of a '${contract.type}' message ${problem}.`, [`key ${problem}`]);
  if (contract.ordered && key === undefined)
    throw new InvalidMessageError(`A '${contract.type}' message is to be in order, and has no key.`, [
      'key is missing',
    ]);
  return { payload, key };
}

/** @returns milliseconds */
function checkedDelay({ horizonMs }: DraftSettings, contract: MessageContract, delay: Duration = 0): number {
  const delayMs = toMs(delay);
  if (delayMs === undefined) throw new InvalidMessageError(`${noDuration('delay', delay, '30s')}.`, []);
  if (delayMs >= horizonMs / 2) {
    throw new InvalidMessageError(
      `delay (${describeMs(delayMs)}) must be shorter than half the horizon (${describeMs(horizonMs)}): a consumer refuses what is older.`,
      [],
    );
  }
  const tooLong = deadlineProblem(contract, horizonMs);
  if (tooLong !== undefined) throw new InvalidMessageError(`outbox.add: ${tooLong}`, []);
  if (contract.deadlineMs !== undefined && delayMs >= contract.deadlineMs) {
    throw new InvalidMessageError(
      `delay (${describeMs(delayMs)}) is not shorter than the deadline of '${contract.type}' (${describeMs(contract.deadlineMs)}): it would be cancelled before it is sent.`,
      [],
    );
  }
  return delayMs;
}

function checkedHeaders(headers: Record<string, string> = {}): Record<string, string> {
  for (const [name, value] of Object.entries(headers)) {
    const problem = headerNameProblem(name) ?? headerValueProblem(value);
    if (problem !== undefined) throw new InvalidMessageError(`Header '${name.slice(0, 64)}' ${problem}.`, [problem]);
    if (isReservedHeader(name))
      throw new InvalidMessageError(
        `Header '${name}' is reserved: 'cloudEvents_', 'outbox_' and 'x-' belong to the library and the broker.`,
        [],
      );
  }
  const bytes = Buffer.byteLength(JSON.stringify(headers));
  if (bytes > MAX_HEADER_BYTES)
    throw new InvalidMessageError(
      `The headers have ${bytes} bytes; at most ${MAX_HEADER_BYTES} travel. Put data into the payload.`,
      [],
    );
  return headers;
}
