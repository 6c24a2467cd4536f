import type { CheckAnswer } from '../decision';
import { HalfMessageRuledOutError } from '../errors';
import { contentOf, type HalfMessage } from '../half-message';

/** What is used of a client: `eval` of ioredis. */
export interface RedisClient {
  eval(script: string, keys: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
}

/** The work, as a Lua script. */
export interface RedisEffect {
  /**
   * Refuses with `return redis.error_reply('…')` **before it writes anything**: Redis undoes nothing. What it returns otherwise
   * is returned by `commit`.
   */
  readonly script: string;
  /** `KEYS[1]`, … of the script. */
  readonly keys: readonly string[];
  /** `ARGV[1]`, … of the script. */
  readonly arguments?: readonly (string | number)[];
}

export interface RedisBarrierOptions {
  /** Before the id. In a cluster it needs the hash tag of the effect's keys: `{stock}:half:`. @default 'half-message:' */
  readonly prefix?: string;
  /** How long a decision is kept. Not shorter than `maxAge` of the half messages. @default 7 days */
  readonly keepMs?: number;
}

const WEEK_MS = 7 * 24 * 3_600_000;

/**
 * Decides in Redis, with one key per half message, whether its effect was committed. Effect and key are written by one
 * script, which nothing interrupts: with `appendonly` they survive a crash together, or are lost together.
 *
 * Not promised: that a crash of Redis loses nothing. What was acknowledged in its last second may be gone
 * (`appendfsync everysec`), while the message is already visible. Nor anything across a failover to a replica that lagged.
 */
export class RedisBarrier {
  private readonly prefix: string;
  private readonly keepMs: number;

  constructor(
    private readonly redis: RedisClient,
    { prefix = 'half-message:', keepMs = WEEK_MS }: RedisBarrierOptions = {},
  ) {
    this.prefix = prefix;
    this.keepMs = keepMs;
  }

  /**
   * Runs the effect, and writes down with it that this half message is committed.
   * @throws HalfMessageRuledOutError if a check has ruled it out, or if it was committed before
   * @throws what the effect refused with: then nothing is written down, and a check will rule it out
   */
  async commit(half: HalfMessage, effect: RedisEffect): Promise<unknown> {
    const given = [...effect.keys, ...(effect.arguments ?? [])];
    const [done, result] = (await this.redis.eval(
      commitScript(effect),
      effect.keys.length + 1,
      this.prefix + half.id,
      ...effect.keys,
      committed(half),
      this.keepMs,
      ...given.slice(effect.keys.length),
    )) as [number, unknown];
    if (done === 1) return result;
    throw new HalfMessageRuledOutError(
      `Half message ${half.id} was ${result === RULED_OUT ? 'ruled out by a check' : 'committed before'}: nothing was done. ` +
        'Begin anew with a new half message.',
    );
  }

  /** What a `@TransactionChecker` answers: rules the effect out if it is not committed. */
  async check(half: HalfMessage): Promise<CheckAnswer> {
    const decision = await this.redis.eval(CHECK, 1, this.prefix + half.id, RULED_OUT, this.keepMs);
    return decision === committed(half) ? 'committed' : 'rolled back';
  }
}

const RULED_OUT = 'ruled out';

function committed(half: HalfMessage): string {
  return `committed ${contentOf(half)}`;
}

/** The effect sees its own keys and arguments only, as if it ran alone. */
function commitScript({ script }: RedisEffect): string {
  return `
local decided = redis.call('GET', KEYS[1])
if decided then return {0, decided} end
local barrier, decision, keep = table.remove(KEYS, 1), table.remove(ARGV, 1), table.remove(ARGV, 1)
local effect = function(KEYS, ARGV)
${script}
end
local result = effect(KEYS, ARGV)
if type(result) == 'table' and result.err then return result end
redis.call('SET', barrier, decision, 'PX', keep)
return {1, result}`;
}

const CHECK = `
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
return redis.call('GET', KEYS[1])`;
