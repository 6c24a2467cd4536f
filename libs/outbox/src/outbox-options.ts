import { postgres } from './adapters/postgres';
import { InvalidOptionsError } from './errors';
import type { SigningKeys } from './message/codec';
import { describeMs, type Duration } from './message/duration';
import { serviceNameProblem } from './message/names';
import { OptionReader } from './message/options';
import type { OnAlarm, OnError } from './operations/monitor';
import type { Meter } from './ports/meter';
import type { StoreFactory as Factory } from './ports/store-factory';
import type { Tracing } from './ports/tracing';
import type { TransportFactory } from './ports/transport';
import type { DataSource, EntityManager, TransactionHost } from './transactions';

/** What `store:` takes: `postgres()`. */
export type StoreFactory = Factory<DataSource, EntityManager>;

/** What `OutboxModule.forRoot` takes. Durations are milliseconds or text with a unit: `'30s'`, `'15m'`, `'14d'`. */
export interface OutboxModuleOptions {
  /** The name of this service: what others write in `to:`. Lower-case letters, digits, dashes. */
  service: string;
  /** What carries the messages: `rabbitMq()`, `direct({ … })`, or `memory()` in tests. */
  transport: TransportFactory;
  /** The database that holds the tables: the one your DataSource is for. @default postgres() */
  store?: StoreFactory;
  /** False in a process that only records (a web worker, a script): another instance relays. @default true */
  relay?: boolean;
  /** How long a claimed row belongs to one relay. Longer survives slower pauses; shorter repeats sooner after a crash. @default '30s' */
  lease?: Duration;
  /** Deliveries in flight at once; one consumer gets at most half. @default 1024 */
  window?: number;
  /** Most attempts that one process begins per second: a backlog drains evenly, no faster than consumers bear. @default none */
  maxPublishesPerSecond?: number;
  /** Wait after a failed attempt: doubles from `first` to `max`, full jitter. @default { first: '1s', max: '5m' } */
  backoff?: { first: Duration; max: Duration };
  /** Wait for a receipt before asking again: doubles from `first` to `max`. @default { first: '60s', max: '1h' } */
  receiptWait?: { first: Duration; max: Duration };
  /** Without a verdict for so long, a delivery is parked for a person. @default '7d' */
  giveUpAfter?: Duration;
  /** A failing `@OnAccepted` or `@Compensate` is parked after this many tries. @default 20 */
  maxFollowUpAttempts?: number;
  /**
   * Alarms (`delivery.overdue`) when a delivery was tried this often without coming to its end, and again after as many
   * more tries. It counts half for a message that was sent and never answered: each of its waits is a minute or longer. @default 8
   */
  alarmAfter?: number;
  /** Handlers and follow-ups are rolled back after this time, and lose their connection. Must stay below the broker's consumer time-out. @default '30s' */
  handlerTimeout?: Duration;
  /** A message older than this is never executed. All services of a system use the same value. @default '14d' */
  horizon?: Duration;
  /** When final messages and inbox rows are deleted. `outbox` ≥ horizon, `inbox` ≥ horizon + 1 day. @default both '30d' */
  retention?: { outbox?: Duration; inbox?: Duration };
  /** Slowest polling of an idle relay. The normal path does not poll. @default '1s' */
  pollInterval?: Duration;
  /** `@Sheddable()` routes answer 503 while the oldest due delivery has been waiting for longer. @default '1m' */
  shedAfter?: Duration;
  /** How long a shutdown waits for handlers in progress. @default '10s' */
  shutdownTimeout?: Duration;
  /** Largest payload, in bytes of JSON. RabbitMQ and your tables want it small. @default 262144 */
  maxPayloadBytes?: number;
  /** Where the tables are: as given to `outboxMigrations()`. @default { prefix: '' } in the connection's search path */
  tables?: { schema?: string; prefix?: string };
  /** Connections of the library's own pool, beside your DataSource's. @default 4 */
  poolSize?: number;
  /** Signs messages, cancels and receipts, and takes none that is not signed: see SECURITY.md. @default none: the broker is trusted */
  signing?: SigningKeys;
  /** What to do about a write that misses the open transaction. @default 'throw', and 'warn' if NODE_ENV is production */
  strictWrites?: 'throw' | 'warn' | 'off';
  /** Joins transactions of `@nestjs-cls/transactional` or `typeorm-transactional`. @default none */
  transactionHost?: TransactionHost;
  /** Called for everything that needs a person: parked rows, contradictions, collisions, quarantine. @default a logged warning only */
  onAlarm?: OnAlarm;
  /** Is given every error of a handler or follow-up as it was thrown, for an error tracker. @default the log only */
  onError?: OnError;
  /** Where measurements go: `prometheusMetrics()` or `openTelemetryMetrics()`. @default none */
  metrics?: Meter;
  /** Puts spans around the steps of a message: `openTelemetryTracing()`. @default none; trace context is passed on all the same */
  tracing?: Tracing;
}

/** The options with every default filled in and every duration in milliseconds. */
export interface ResolvedOptions {
  service: string;
  transport: TransportFactory;
  store: StoreFactory;
  relay: boolean;
  leaseMs: number;
  window: number;
  /** Infinity: no limit. */
  maxPublishesPerSecond: number;
  backoff: { firstMs: number; maxMs: number };
  receiptWait: { firstMs: number; maxMs: number };
  giveUpAfterMs: number;
  maxFollowUpAttempts: number;
  alarmAfter: number;
  handlerTimeoutMs: number;
  horizonMs: number;
  retention: { outboxMs: number; inboxMs: number };
  pollIntervalMs: number;
  shedAfterMs: number;
  shutdownTimeoutMs: number;
  maxPayloadBytes: number;
  tables: { schema?: string; prefix?: string };
  poolSize: number;
  signing: SigningKeys | undefined;
  strictWrites: 'throw' | 'warn' | 'off';
  transactionHost: TransactionHost | undefined;
  onAlarm: OnAlarm | undefined;
  onError: OnError | undefined;
  metrics: Meter | undefined;
  tracing: Tracing | undefined;
}

const KNOWN: Record<keyof OutboxModuleOptions, true> = {
  service: true,
  transport: true,
  store: true,
  relay: true,
  lease: true,
  window: true,
  maxPublishesPerSecond: true,
  backoff: true,
  receiptWait: true,
  giveUpAfter: true,
  maxFollowUpAttempts: true,
  alarmAfter: true,
  handlerTimeout: true,
  horizon: true,
  retention: true,
  pollInterval: true,
  shedAfter: true,
  shutdownTimeout: true,
  maxPayloadBytes: true,
  tables: true,
  poolSize: true,
  signing: true,
  strictWrites: true,
  transactionHost: true,
  onAlarm: true,
  onError: true,
  metrics: true,
  tracing: true,
};

const DAY_MS = 86_400_000;
/** As long as the hash: RFC 2104 discourages less. */
const MIN_SECRET_BYTES = 32;

/**
 * Fills in the defaults (here, and nowhere else) and checks everything.
 * @throws InvalidOptionsError with all problems
 */
export function resolveOptions(given: OutboxModuleOptions): ResolvedOptions {
  const reader = new OptionReader(given, Object.keys(KNOWN));
  const options: ResolvedOptions = {
    service: given.service,
    transport: given.transport,
    store: given.store ?? postgres(),
    relay: reader.flag('relay', given.relay, true),
    leaseMs: reader.duration('lease', given.lease, '30s'),
    window: reader.whole('window', given.window, 1_024, 2, 10_000),
    maxPublishesPerSecond: reader.whole('maxPublishesPerSecond', given.maxPublishesPerSecond, Infinity, 1, 1_000_000),
    backoff: reader.doubling('backoff', given.backoff, { first: '1s', max: '5m' }),
    receiptWait: reader.doubling('receiptWait', given.receiptWait, { first: '60s', max: '1h' }),
    giveUpAfterMs: reader.duration('giveUpAfter', given.giveUpAfter, '7d'),
    maxFollowUpAttempts: reader.whole('maxFollowUpAttempts', given.maxFollowUpAttempts, 20, 1, 1000),
    alarmAfter: reader.whole('alarmAfter', given.alarmAfter, 8, 2, 1000),
    handlerTimeoutMs: reader.duration('handlerTimeout', given.handlerTimeout, '30s'),
    horizonMs: reader.duration('horizon', given.horizon, '14d'),
    retention: {
      outboxMs: reader.duration('retention.outbox', given.retention?.outbox, '30d'),
      inboxMs: reader.duration('retention.inbox', given.retention?.inbox, '30d'),
    },
    pollIntervalMs: reader.duration('pollInterval', given.pollInterval, '1s'),
    shedAfterMs: reader.duration('shedAfter', given.shedAfter, '1m'),
    shutdownTimeoutMs: reader.duration('shutdownTimeout', given.shutdownTimeout, '10s'),
    maxPayloadBytes: reader.whole('maxPayloadBytes', given.maxPayloadBytes, 256 * 1024, 1024, 16 * 1024 * 1024),
    tables: given.tables ?? {},
    poolSize: reader.whole('poolSize', given.poolSize, 4, 1, 100),
    signing: given.signing,
    strictWrites: given.strictWrites ?? (process.env.NODE_ENV === 'production' ? 'warn' : 'throw'),
    transactionHost: given.transactionHost,
    onAlarm: given.onAlarm,
    onError: given.onError,
    metrics: given.metrics,
    tracing: given.tracing,
  };
  const problems = [
    ...reader.problems,
    serviceNameProblem(given.service),
    ...contradictions(options),
    ...signingProblems(given.signing),
  ];
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new InvalidOptionsError(found);
  return options;
}

/** Values that are fine alone and cannot work together: names both options and both values. */
function contradictions(options: ResolvedOptions): (string | undefined)[] {
  const { horizonMs, retention, giveUpAfterMs, transport, store, strictWrites, transactionHost, leaseMs } = options;
  const days = (ms: number): string => describeMs(ms);
  return [
    typeof transport?.create !== 'function'
      ? 'transport is missing or none: write transport: rabbitMq() or transport: direct({ … })'
      : undefined,
    typeof store?.create !== 'function' ? 'store is none: write store: postgres(), or leave it out' : undefined,
    retention.inboxMs < horizonMs + DAY_MS
      ? `retention.inbox (${days(retention.inboxMs)}) must be at least horizon (${days(horizonMs)}) + 1 day: a copy that outlives its inbox row would be executed twice`
      : undefined,
    retention.outboxMs < horizonMs
      ? `retention.outbox (${days(retention.outboxMs)}) must be at least horizon (${days(horizonMs)}): late contradictions would go unseen`
      : undefined,
    giveUpAfterMs >= horizonMs
      ? `giveUpAfter (${days(giveUpAfterMs)}) must be shorter than horizon (${days(horizonMs)}): later nothing can be executed any more`
      : undefined,
    leaseMs < 1000 ? `lease (${leaseMs} ms) must be at least 1s: a shorter one ends before a publish does` : undefined,
    !['throw', 'warn', 'off'].includes(strictWrites)
      ? `strictWrites ${JSON.stringify(strictWrites)} must be 'throw', 'warn' or 'off'`
      : undefined,
    transactionHost && !(typeof transactionHost.manager === 'function' && typeof transactionHost.run === 'function')
      ? 'transactionHost needs both functions, manager() and run(): with one alone two transactions would be opened'
      : undefined,
  ];
}

function signingProblems(signing: SigningKeys | undefined): string[] {
  if (!signing) return [];
  const keys = Object.entries(signing.keys ?? {});
  const problems = keys
    .filter(([id, secret]) => id === '' || typeof secret !== 'string' || Buffer.byteLength(secret) < MIN_SECRET_BYTES)
    .map(([id]) => `signing.keys['${id}'] needs a name and a secret of at least ${MIN_SECRET_BYTES} bytes`);
  if (!Object.hasOwn(signing.keys ?? {}, signing.sign)) {
    problems.push(
      `signing.sign names the key '${signing.sign}', which is not among signing.keys (${keys.map(([id]) => id).join(', ') || 'none'})`,
    );
  }
  return problems;
}
