import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import type { ReceivedAnswer } from '../../message/delivery';
import { keyText } from '../../message/envelope';
import type { AnsweredDelivery, MarkRow } from '../../ports/store';
import { poolFrom, PostgresStore } from './index';

/** The rows of one round, which two processes work on at the same time. */
export interface Round {
  readonly source: string;
  readonly ids: readonly string[];
  readonly consumers: readonly string[];
}

/** What one process did in a round. */
export interface Done {
  /** `phase key attempt` of each delivery that it was given. */
  readonly claimed: string[];
  /** The key of each row that it closed. */
  readonly closed: string[];
}

const ACCEPTED = { verdict: 'accepted', reason: undefined, result: undefined, payloadHash: undefined } as const;
const REJECTED = { ...ACCEPTED, verdict: 'rejected', reason: { code: 'OUT_OF_STOCK' } } as const;
const PASSES = 6;

/**
 * This file is the program of a process that `contention.int.spec.ts` starts. It claims, marks, closes and cancels, all at
 * once and in no order, until it has been over the rows a few times. What it may not do to a row, the statements must refuse;
 * what fails ends it.
 */
class Contender {
  private constructor(
    private readonly dataSource: DataSource,
    private readonly pool: ReturnType<typeof poolFrom>,
    private readonly store: PostgresStore,
  ) {}

  static async connect(url: string): Promise<Contender> {
    const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    const pool = poolFrom(dataSource, { max: 8 });
    return new Contender(dataSource, pool, new PostgresStore({ pool }));
  }

  async stop(): Promise<void> {
    await this.pool.end();
    await this.dataSource.destroy();
  }

  async run({ source, ids, consumers }: Round): Promise<Done> {
    const done: Done = { claimed: [], closed: [] };
    const rows = ids.flatMap((messageId) => consumers.map((consumer) => ({ messageId, consumer })));
    const ofOne = (consumer: string) => rows.filter((row) => row.consumer === consumer);
    for (let pass = 0; pass < PASSES; pass++) {
      await Promise.all([
        this.relay(source, done),
        this.relay(source, done),
        this.close(some(ofOne(consumers[pass % consumers.length]!)), ACCEPTED, done),
        this.close(some(rows), pass % 2 ? ACCEPTED : REJECTED, done),
        ...some(ids, 4).map((id) => this.store.cancel(undefined, id, { reason: 'changed my mind' })),
      ]);
    }
    return done;
  }

  /** Takes what is due and gives it back at once, several times: what others held is tried again, the rest is not ours any more. */
  private async relay(source: string, done: Done): Promise<void> {
    const claim = { limit: 100, leaseMs: 30_000, except: [], maxFollowUpAttempts: 20, giveUpAfterMs: 1e9, source };
    const { deliveries } = await this.store.claim({ ...claim, leaseToken: randomUUID() });
    for (const { state, attempt, ...key } of deliveries)
      done.claimed.push(`${state === 'cancelling' ? state : 'sending'} ${keyText(key)} ${attempt}`);
    const marks = deliveries.map(({ messageId, consumer, leaseToken, state }): MarkRow => {
      const mark = { kind: state === 'cancelling' ? 'again' : 'sent', waitMs: 0, error: undefined } as const;
      return { messageId, consumer, leaseToken, mark };
    });
    for (let tries = 0; tries < 3; tries++) await this.store.mark(shuffled(marks));
  }

  private async close(keys: readonly Omit<AnsweredDelivery, 'answer'>[], answer: ReceivedAnswer, done: Done) {
    const closed = await this.store.closeMany(keys.map((key) => ({ ...key, answer })));
    done.closed.push(...closed.map(keyText));
  }
}

/** In no order. */
function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, order: Math.random() }))
    .sort((one, other) => one.order - other.order)
    .map(({ value }) => value);
}

function some<T>(list: readonly T[], count = Math.ceil(list.length / 6)): T[] {
  return shuffled(list).slice(0, count);
}

const contender = Contender.connect(process.argv[1]!);
process.on('message', (round) => {
  void contender.then((each) => each.run(round as Round)).then((done) => process.send!(done));
});
process.on('disconnect', () => {
  void contender.then((each) => each.stop());
});
