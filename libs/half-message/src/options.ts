import type { Duration } from '@tallystick/outbox';
import ms from 'ms';
import { InvalidHalfMessageOptionsError } from './errors';

export interface HalfMessageOptions {
  /** `amqp://user:password@host:5672/vhost`, or several of one cluster. */
  readonly url: string | readonly string[];
  /** The name of this service, as in `OutboxModule`. Its instances answer for one another. */
  readonly service: string;
  /**
   * When it is asked about: after the first pause, and, while nobody knows, after each of the others; the last is repeated. The
   * first must be longer than the work usually takes: a check that comes before the work has begun rules it out.
   * @default ['10s', '1m', '5m']
   */
  readonly checkAfter?: readonly Duration[];
  /** A half message nobody knows of after so many checks is parked for a person. @default 15 */
  readonly maxChecks?: number;
  /**
   * An older one is parked even if it was committed. Shorter than the outbox keeps what is final, and than a barrier keeps its
   * decisions: they remember that it was shown already.
   * @default '1d'
   */
  readonly maxAge?: Duration;
  /** How long the broker may take to confirm. @default '5s' */
  readonly publishTimeout?: Duration;
  /** How many are asked about at once. @default 10 */
  readonly concurrency?: number;
  /** Told when one is parked, beside the error in the log. */
  readonly onParked?: (parked: { readonly id: string; readonly type: string; readonly code: string }) => void;
}

export interface Settings {
  readonly urls: readonly string[];
  readonly service: string;
  readonly pausesMs: readonly number[];
  readonly maxChecks: number;
  readonly maxAgeMs: number;
  readonly publishTimeoutMs: number;
  readonly concurrency: number;
  readonly onParked: NonNullable<HalfMessageOptions['onParked']>;
}

const KNOWN = [
  'url',
  'service',
  'checkAfter',
  'maxChecks',
  'maxAge',
  'publishTimeout',
  'concurrency',
  'onParked',
] satisfies (keyof HalfMessageOptions)[];

const SERVICE = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** RabbitMQ takes no longer time to live. */
const LONGEST_MS = 2 ** 32 - 1;

/** @throws InvalidHalfMessageOptionsError with everything that is wrong */
export function resolveOptions(options: HalfMessageOptions): Settings {
  const problems: string[] = [];
  const duration = (name: string, value: Duration): number => {
    const found: unknown = typeof value === 'string' && value !== '' ? ms(value as ms.StringValue) : value;
    if (typeof found === 'number' && Number.isSafeInteger(found) && found > 0 && found <= LONGEST_MS) return found;
    problems.push(`${name}: ${JSON.stringify(value)} is no duration; write milliseconds or '10s'`);
    return NaN;
  };
  const count = (name: string, value: number): number => {
    if (!Number.isSafeInteger(value) || value < 1) problems.push(`${name}: ${value} is no whole number from 1 on`);
    return value;
  };
  for (const name of Object.keys(options))
    if (!KNOWN.some((known) => known === name)) problems.push(`there is no option '${name}': ${KNOWN.join(', ')}`);
  const urls = [options.url ?? []].flat();
  if (urls.length === 0) problems.push("url: the broker's address is missing, e.g. 'amqp://localhost'");
  if (!SERVICE.test(String(options.service)))
    problems.push(`service: '${String(options.service)}' must be lower-case letters, digits and -`);
  const pauses = options.checkAfter ?? ['10s', '1m', '5m'];
  if (pauses.length === 0) problems.push('checkAfter: give at least one pause');

  const settings: Settings = {
    urls,
    service: options.service,
    pausesMs: pauses.map((pause) => duration('checkAfter', pause)),
    maxChecks: count('maxChecks', options.maxChecks ?? 15),
    maxAgeMs: duration('maxAge', options.maxAge ?? '1d'),
    publishTimeoutMs: duration('publishTimeout', options.publishTimeout ?? '5s'),
    concurrency: count('concurrency', options.concurrency ?? 10),
    onParked: options.onParked ?? (() => {}),
  };
  if (new Set(settings.pausesMs).size !== settings.pausesMs.length)
    problems.push('checkAfter: a pause is there twice, and both would share a queue');
  if (problems.length > 0) throw new InvalidHalfMessageOptionsError(problems);
  return settings;
}
