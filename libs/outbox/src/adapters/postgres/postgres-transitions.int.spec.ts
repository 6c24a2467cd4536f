import fc from 'fast-check';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  type DeliveryKey,
  type DeliveryState,
  EVERYBODY,
  isFinal,
  OPEN_STATES,
  type ParkCode,
  type Mark,
} from '../../message/delivery';
import type { Verdict } from '../../message/receipt';
import { HARMLESS, isLegal, isOneOf, ON_THE_WAY, STEPS, VERDICT_IN } from '../../message/rules';
import {
  cancelled,
  type Change,
  claimed,
  closed,
  closedAnswered,
  deferred,
  type DeliveryRow,
  discarded,
  keptAnswer,
  lateVerdict,
  parked,
  retried,
  marked,
} from '../../message/transitions';
import { PostgresFixture } from './postgres.fixture';

const SOURCE = 'user-service';
const LEASE = '00000000-0000-4000-8000-00000000000a';
const OTHER_LEASE = '00000000-0000-4000-8000-00000000000b';
const BY = { by: 'ada', reason: 'because' };
const PARK_CODES: readonly ParkCode[] = ['GAVE_UP', 'NOBODY_LISTENS', ...HARMLESS];
const TIMES = ['nextAt', 'deadlineAt', 'giveUpAt', 'sentAt', 'settledAt'] as const;

/** A way to change a row: the rule, and the statement that should do the same. */
interface Act {
  readonly name: string;
  readonly rule: (row: DeliveryRow, now: number) => Change;
  readonly statement: (key: DeliveryKey, fixture: PostgresFixture) => Promise<unknown>;
}

/** Far enough from now for a slow statement: what is over stays over, what is to come stays to come. */
const MINUTE = 60_000;
const past = fc.integer({ min: -600, max: -10 }).map((minutes) => minutes * MINUTE);
const future = fc.integer({ min: 10, max: 600 }).map((minutes) => minutes * MINUTE);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((each) => !each.includes('\u0000'));
const verdict = fc.constantFrom<Verdict>('accepted', 'rejected');

/** Any row that may be; its times count from now. */
const rows: fc.Arbitrary<DeliveryRow> = fc
  .record({
    messageId: fc.constant(''),
    consumer: fc.constantFrom('order-service', EVERYBODY),
    // What is on its way has the most to go through.
    state: fc.constantFrom(...(Object.keys(VERDICT_IN) as DeliveryState[]), ...ON_THE_WAY, ...ON_THE_WAY),
    attempts: fc.constantFrom(0, 1, 1, 2, 2, 5),
    followUp: fc.constantFrom('none', 'accepted', 'rejected', 'both'),
    nextAt: fc.oneof(past, future),
    leaseToken: maybe(fc.constantFrom(LEASE, LEASE, OTHER_LEASE)),
    deadlineAt: maybe(fc.oneof(past, future)),
    giveUpAt: maybe(fc.oneof(past, future)),
    verdict: maybe(verdict),
    reason: maybe(fc.constant({ code: 'SOLD_OUT' })),
    result: maybe(fc.constant({ orderId: 7 })),
    code: maybe(fc.constantFrom('UNROUTABLE', 'PAUSED', 'WAITS_ITS_TURN', 'LATE_VERDICT', ...PARK_CODES)),
    lastError: maybe(fc.oneof(text, fc.constant('é'.repeat(1_990)))),
    cancelReason: maybe(text),
    sentAt: maybe(past),
    settledAt: past,
    orderKey: fc.constant(undefined),
    orderNo: fc.constant(undefined),
    history: fc.constantFrom([], [{ number: 3, what: 'send-failed', code: 'UNROUTABLE', times: 2, at: -1, since: -2 }]),
  } as { [Column in keyof DeliveryRow]: fc.Arbitrary<DeliveryRow[Column]> })
  .map((row) => {
    const open = isOneOf(OPEN_STATES, row.state);
    const final = isFinal(row.state);
    return {
      ...row,
      nextAt: open ? row.nextAt : undefined,
      leaseToken: open ? row.leaseToken : undefined,
      settledAt: final ? row.settledAt : undefined,
    };
  })
  .filter(({ state, verdict, nextAt, leaseToken, settledAt }) =>
    isLegal({
      ...{ state, verdict, due: nextAt !== undefined },
      ...{ leased: leaseToken !== undefined, settled: settledAt !== undefined },
    }),
  );

/** Of many, most acts find one that they may change; one alone they mostly may not. */
const several = fc.oneof(
  { arbitrary: fc.array(rows, { minLength: 30, maxLength: 30 }), weight: 3 },
  { arbitrary: rows.map((row) => [row]), weight: 1 },
);

const answers = fc.record({ verdict, reason: fc.constant(undefined), result: fc.constant({ orderId: 8 }) });
const later = fc.record({
  waitMs: future,
  code: fc.constantFrom('UNROUTABLE', 'DEFERRED'),
  error: text,
});

const marks: fc.Arbitrary<Mark> = fc.oneof(
  fc.record({ kind: fc.constant('sent' as const), waitMs: future }),
  fc.constant({ kind: 'delivered' as const }),
  fc.record({ kind: fc.constant('retry' as const), waitMs: future, code: fc.constant('UNROUTABLE'), error: text }),
  later.map((trouble) => ({ kind: 'again' as const, ...trouble })),
  fc.record({ kind: fc.constant('again' as const), waitMs: future, error: fc.constant(undefined) }),
  fc.record({ kind: fc.constant('release' as const), waitMs: future }),
);

const acts: fc.Arbitrary<Act> = fc.oneof(
  marks.map((mark) => ({
    name: `mark as ${mark.kind}`,
    rule: (row: DeliveryRow, now: number) => marked(row, LEASE, mark, now),
    statement: (key: DeliveryKey, { outbox }: PostgresFixture) => outbox.mark([{ ...key, leaseToken: LEASE, mark }]),
  })),
  fc.constant<Act>({
    name: 'claim',
    rule: (row, now) =>
      row.nextAt !== undefined && row.nextAt <= now
        ? claimed(row, { now, createdAt: now, paused: false, outOfTurn: false }, CLAIM).change
        : undefined,
    statement: (_key, { outbox }) => outbox.claim({ ...CLAIM, source: SOURCE, limit: 10, except: [] }),
  }),
  answers.map((answer) => ({
    name: `close as ${answer.verdict}`,
    rule: (row: DeliveryRow, now: number) => closed(row, answer, now),
    statement: (key: DeliveryKey, { outbox, transactions }: PostgresFixture) =>
      transactions.run((tx) => outbox.close(tx, key, { ...answer, payloadHash: undefined })),
  })),
  fc.tuple(answers, fc.boolean()).map(([answer, alone]) => ({
    name: `close without a follow-up, as ${answer.verdict}, ${alone ? 'alone' : 'in company'}`,
    rule: (row: DeliveryRow, now: number) =>
      ['both', answer.verdict].includes(row.followUp) ? undefined : closed(row, answer, now),
    statement: (key: DeliveryKey, { outbox }: PostgresFixture) =>
      outbox.closeMany(
        [key, ...(alone ? [] : [{ ...key, messageId: randomUUID() }])].map((each) => ({
          ...each,
          answer: { ...answer, payloadHash: undefined },
        })),
      ),
  })),
  fc.constant<Act>({
    name: 'close what is answered',
    rule: (row, now) => closedAnswered(row, LEASE, now),
    statement: (key, { outbox, transactions }) => transactions.run((tx) => outbox.closeAnswered(tx, key, LEASE)),
  }),
  fc.tuple(answers, later).map(([answer, trouble]) => ({
    name: `keep ${answer.verdict} for later`,
    rule: (row: DeliveryRow, now: number) => keptAnswer(row, answer, trouble, now),
    statement: (key: DeliveryKey, { outbox }: PostgresFixture) =>
      outbox.keepAnswer(key, { ...answer, payloadHash: undefined }, trouble),
  })),
  fc.tuple(fc.integer({ min: 0, max: 2 }), later).map(([attempt, trouble]) => ({
    name: `defer attempt ${attempt}`,
    rule: (row: DeliveryRow, now: number) => deferred(row, attempt, trouble, now),
    statement: (key: DeliveryKey, { outbox }: PostgresFixture) => outbox.defer(key, attempt, trouble),
  })),
  fc.tuple(fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constant('any' as const)), text).map(([attempt, error]) => ({
    name: `park ${attempt}`,
    rule: (row: DeliveryRow, now: number) => parked(row, attempt, { code: 'UNPROCESSABLE', error }, now),
    statement: (key: DeliveryKey, { outbox }: PostgresFixture) =>
      outbox.park(key, attempt, { code: 'UNPROCESSABLE', error }),
  })),
  answers.map((answer) => ({
    name: `note a late ${answer.verdict}`,
    rule: (row: DeliveryRow, now: number) => lateVerdict(row, { ...answer, payloadHash: undefined }, now),
    statement: (key: DeliveryKey, { outbox }: PostgresFixture) =>
      outbox.noteLateVerdict(key, { ...answer, payloadHash: undefined }),
  })),
  fc.constant<Act>({
    name: 'cancel',
    rule: (row, now) => cancelled(row, BY, now),
    statement: ({ messageId }, { outbox }) => outbox.cancel(undefined, messageId, BY),
  }),
  maybe(future).map((deadlineMs) => ({
    name: `retry with ${deadlineMs === undefined ? 'the old' : 'a new'} deadline`,
    rule: (row: DeliveryRow, now: number) => retried(row, BY, deadlineMs, now),
    statement: ({ messageId }: DeliveryKey, { outbox }: PostgresFixture) =>
      outbox.retry(messageId, { ...BY, ...(deadlineMs !== undefined && { deadlineMs }) }),
  })),
  fc.boolean().map((force) => ({
    name: force ? 'discard by force' : 'discard',
    rule: (row: DeliveryRow, now: number) => discarded(row, BY, force, now),
    statement: ({ messageId }: DeliveryKey, { outbox }: PostgresFixture) => outbox.discard(messageId, { ...BY, force }),
  })),
);

const VERBS = ['cancel', 'claim', 'close', 'defer', 'discard', 'keep', 'note', 'park', 'retry', 'mark'];
const CLAIM = { leaseToken: OTHER_LEASE, leaseMs: 30_000, maxFollowUpAttempts: 5, giveUpAfterMs: 86_400_000 };

/**
 * PostgreSQL decides and writes in one statement; the assignments are written by hand. What they come to must be what the rules
 * say (message/transitions.ts), which the other stores ask: for any row, and anything that is done to it.
 */
describe("PostgreSQL's statements", () => {
  let fixture: PostgresFixture;
  beforeAll(async () => {
    fixture = await PostgresFixture.start();
  });
  afterAll(() => fixture.stop());

  it('make of any row what the rules make of it', async () => {
    const changed = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(several, acts, async (drawn, { name, rule, statement }) => {
        const row = await insert(fixture, drawn.find((each) => rule(each, 0)) ?? drawn[0]!);
        const earliest = rule(row, await now(fixture));
        await statement(row, fixture);
        const latest = rule(row, await now(fixture));

        isBetween(await read(fixture, row), { ...row, ...earliest }, { ...row, ...latest });
        await remove(fixture);
        const [verb] = name.split(' ') as [string];
        if (earliest) changed.set(verb, (changed.get(verb) ?? 0) + 1);
      }),
      { numRuns: 400 },
    );
    // Otherwise most of it would show only that nothing happens.
    for (const verb of VERBS) expect(changed.get(verb) ?? 0).toBeGreaterThan(2);
  });

  it('know every mark there is', () => {
    const kinds = fc.sample(marks, 500).map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(Object.keys(STEPS)));
  });
});

/** When everything happens a moment later or earlier than this, the row is between the two. */
function isBetween(row: DeliveryRow, earliest: DeliveryRow, latest: DeliveryRow): void {
  assert.deepEqual(untimed(row), untimed(earliest));
  for (const time of TIMES) {
    const [least, is, most] = [earliest[time] ?? NaN, row[time] ?? NaN, latest[time] ?? NaN];
    const holds = Number.isNaN(is) ? Number.isNaN(least) && Number.isNaN(most) : least <= is && is <= most;
    assert.ok(holds, `${time}: ${is} is not between ${least} and ${most}`);
  }
}

function untimed(row: DeliveryRow): unknown {
  const history = row.history.map(({ at: _at, since: _since, ...entry }) => entry);
  return JSON.parse(JSON.stringify({ ...row, ...Object.fromEntries(TIMES.map((time) => [time, undefined])), history }));
}

async function now({ owner }: PostgresFixture): Promise<number> {
  const [row] = await owner.query<{ now: number }[]>(`select ${milliseconds('clock_timestamp()')} as now`);
  return row!.now;
}

/** @returns the row as it is now, its times with the database's own precision */
async function insert(fixture: PostgresFixture, row: DeliveryRow): Promise<DeliveryRow> {
  const { message, delivery, history } = fixture.tables;
  const messageId = randomUUID();
  await fixture.owner.query(
    `insert into ${message} (id, aggregatetype, type, payload) values ($1, $2, 'order.requested', '{}')`,
    [messageId, SOURCE],
  );
  const { nextAt, deadlineAt, giveUpAt, sentAt, settledAt, reason, result } = row;
  const fromNow = [nextAt, deadlineAt, giveUpAt, sentAt, settledAt];
  const instants = fromNow.map((_, index) => `clock_timestamp() + $${index + 13} * interval '1 ms'`);
  await fixture.owner.query(
    `insert into ${delivery} (message_id, consumer, state, attempts, follow_up, lease_token, verdict, reason, result, code, last_error,
       cancel_reason, next_at, deadline_at, give_up_at, sent_at, settled_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, ${instants.join(', ')})`,
    [
      ...[messageId, row.consumer, row.state, row.attempts, row.followUp, row.leaseToken, row.verdict],
      ...[
        reason && JSON.stringify(reason),
        result && JSON.stringify(result),
        row.code,
        row.lastError,
        row.cancelReason,
      ],
      ...fromNow,
    ],
  );
  if (row.history.length > 0) {
    const entries = row.history.map((entry) => ({ ...entry, at: ANY_TIME, since: ANY_TIME }));
    await fixture.owner.query(`insert into ${history} (message_id, consumer, entries) values ($1, $2, $3)`, [
      ...[messageId, row.consumer, JSON.stringify(entries)],
    ]);
  }
  return read(fixture, { messageId, consumer: row.consumer });
}

/** So that a claim finds one row. Less work for the server than to truncate. */
async function remove({ owner, tables }: PostgresFixture): Promise<void> {
  await owner.query(
    `with gone as (delete from ${tables.delivery}), past as (delete from ${tables.history}) delete from ${tables.message}`,
  );
}

const ANY_TIME = '2026-01-01T00:00:00.000000Z';

async function read({ owner, tables }: PostgresFixture, { messageId, consumer }: DeliveryKey): Promise<DeliveryRow> {
  const times = { next_at: 'nextAt', deadline_at: 'deadlineAt', give_up_at: 'giveUpAt', sent_at: 'sentAt' };
  const instants = Object.entries({ ...times, settled_at: 'settledAt' }).map(
    ([column, name]) => `${milliseconds(column)} as "${name}"`,
  );
  const [row] = await owner.query<Record<string, unknown>[]>(
    `select message_id as "messageId", consumer, state, attempts, follow_up as "followUp", lease_token as "leaseToken", verdict, reason, result,
       code, last_error as "lastError", cancel_reason as "cancelReason", order_key as "orderKey", order_no as "orderNo", ${instants.join(', ')},
       coalesce((select entries from ${tables.history} h where h.message_id = d.message_id and h.consumer = d.consumer), '[]') as history
     from ${tables.delivery} d
     where message_id = $1 and consumer = $2`,
    [messageId, consumer],
  );
  const { history, ...columns } = row!;
  const given = Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, value ?? undefined]));
  const entries = (history as DeliveryRow['history']).map((entry) => ({ ...entry, times: entry.times ?? 1 }));
  return { ...given, history: entries } as unknown as DeliveryRow;
}

function milliseconds(instant: string): string {
  return `(extract(epoch from ${instant}) * 1000)::float8`;
}
