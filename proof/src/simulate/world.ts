import { MemoryBroker, MemoryDatabase, SeededRandom, VirtualClock } from '@tallystick/outbox/testing';
import {
  type Account,
  OPENING_CENTS,
  OPENING_STOCK,
  ORDERS,
  type Service,
  type Stock,
  USERS,
  type Version,
} from './business';
import { type FaultKind, Faults } from './faults';
import { Journal } from './journal';
import { InvariantViolation, Ledger } from './ledger';
import type { Sabotage } from './sabotage';
import { placesOf, type Scale, SHOP } from './scale';
import { SimulatedProcess } from './process';

const WEEKS_MS = 21 * 86_400_000;

/** Events that no fault may cause. */
const FORBIDDEN_EVENTS = ['receipt.contradiction', 'receipt.untrusted', 'inbox.collision', 'inbox.malformed'];

export interface WorldOptions {
  /** Writes the event log. */
  readonly recording?: boolean;
  /** No faults at all. */
  readonly fairWeather?: boolean;
  readonly sabotage?: Sabotage;
  /** @default SHOP */
  readonly scale?: Scale;
}

/** Two services with some processes and a database each, one broker, one time. Everything in it follows from the seed. */
export class World {
  readonly time: VirtualClock;
  readonly random: SeededRandom;
  readonly faults: Faults;
  readonly journal: Journal;
  readonly broker: MemoryBroker;
  readonly users: MemoryDatabase;
  readonly orders: MemoryDatabase;
  readonly ledger: Ledger;
  readonly processes: (SimulatedProcess | undefined)[];
  /** Databases nobody can reach right now. They keep what they have. */
  readonly down = new Set<MemoryDatabase>();
  weeksPassed = false;
  healed = false;
  steps = 0;
  /** What the library reported, by event. */
  readonly reports = new Map<string, number>();

  private started = 0;

  readonly sabotage: Sabotage;
  readonly scale: Scale;
  private readonly places: readonly { readonly name: string; readonly service: Service }[];

  constructor(
    readonly seed: number,
    { recording = false, fairWeather = false, sabotage = (store) => store, scale = SHOP }: WorldOptions = {},
  ) {
    this.sabotage = sabotage;
    this.scale = scale;
    this.places = placesOf(scale);
    this.processes = this.places.map(() => undefined);
    const source = new SeededRandom(seed);
    const stream = (): SeededRandom => new SeededRandom(source.below(2 ** 32));
    const ties = stream();
    this.time = new VirtualClock(() => ties.next());
    this.random = stream();
    this.journal = new Journal(() => this.time.monotonic(), recording);
    this.faults = new Faults(stream(), (kind) => this.journal.write('fault', kind), fairWeather);
    this.broker = new MemoryBroker(this.time, this.faults.plan);
    this.users = new MemoryDatabase(this.time);
    this.orders = new MemoryDatabase(this.time);
    this.ledger = new Ledger(this);
  }

  async open(): Promise<void> {
    await this.users.connect().transaction(async (transaction) => {
      for (const id of this.scale.users) await transaction.table<Account>('accounts').put(id, { cents: OPENING_CENTS });
    });
    await this.orders.connect().transaction(async (transaction) => {
      for (const [sku, quantity] of Object.entries(OPENING_STOCK)) {
        await transaction.table<Stock>('stock').put(sku, { quantity });
      }
    });
    this.places.forEach((_, index) => this.startProcess(index, 'current'));
  }

  /** Takes one step. @returns false if nothing is scheduled. @throws InvariantViolation */
  async step(): Promise<boolean> {
    this.steps++;
    const more = await this.time.step();
    this.ledger.check();
    return more;
  }

  /** A living process of the service; undefined while all are dead. */
  anyProcess(service: Service): SimulatedProcess | undefined {
    const alive = this.processes.filter((process) => process?.service === service);
    return alive.length > 0 ? this.random.pick(alive) : undefined;
  }

  /** Faults strike between any two steps of a process, so often as it takes steps. */
  beforeStep(process: SimulatedProcess): void {
    if (this.faults.strikes('crash')) this.crash(process);
    else if (this.faults.strikes('pause')) this.pause(process);
  }

  reported(process: SimulatedProcess, event: { event: string }): void {
    const { event: name, ...fields } = event;
    this.reports.set(name, (this.reports.get(name) ?? 0) + 1);
    this.journal.write(process.name, `${name} ${JSON.stringify(fields)}`);
    const lostRow = name === 'receipt.unknown-delivery' && !this.weeksPassed;
    if (FORBIDDEN_EVENTS.includes(name) || lostRow) {
      this.ledger.report(new InvariantViolation('no-alarm', `${process.name} reported ${JSON.stringify(event)}`));
    }
  }

  strike(kind: FaultKind, strike: () => void): void {
    if (this.faults.strikes(kind)) strike();
  }

  /** Faults end; every process is of the last version. What is on its way may still arrive, late and twice. */
  heal(): void {
    this.healed = true;
    this.journal.write('world', 'heals');
    this.faults.end();
    this.broker.resume();
    this.down.clear();
    this.processes.forEach((process, index) => {
      process?.kill();
      this.startProcess(index, 'new');
    });
  }

  /** Everything on its way is older than the horizon now, and the inbox rows of that time are pruned. */
  letWeeksPass(): void {
    this.weeksPassed = true;
    for (const database of [this.users, this.orders]) database.moveNow(WEEKS_MS);
    for (const process of this.processes) process?.runtime.pruner.prune().catch(() => undefined);
  }

  /** A new version is rolled out: a process ends in good order, and its successor starts. */
  deploy(): void {
    const process = this.anyProcess(this.random.pick([USERS, ORDERS]));
    if (!process) return;
    this.journal.write(process.name, 'is asked to end');
    const index = this.processes.indexOf(process);
    this.processes[index] = undefined;
    const replaced = (): void => {
      process.kill();
      if (!this.processes[index]) this.startProcess(index, this.healed ? 'new' : 'current');
    };
    process.shutDown().then(
      () => {
        this.journal.write(process.name, 'ends');
        replaced();
      },
      (error: unknown) => this.ledger.report(error),
    );
    // As an orchestrator does, which does not wait for ever.
    this.time.schedule(30_000, replaced);
  }

  private crash(process: SimulatedProcess): void {
    this.journal.write(process.name, 'dies');
    const index = this.processes.indexOf(process);
    process.kill();
    // One that was asked to end is replaced by whoever asked.
    if (index < 0) return;
    this.processes[index] = undefined;
    this.time.schedule(this.faults.duration(500, 10_000), () => {
      if (!this.processes[index]) this.startProcess(index, this.faults.strikes('old version') ? 'old' : 'current');
    });
  }

  private pause(process: SimulatedProcess): void {
    const ms = this.faults.duration(1_000, 40_000);
    this.journal.write(process.name, `stands still for ${ms} ms`);
    process.clock.pause();
    this.time.schedule(ms, () => process.clock.resume());
  }

  private startProcess(index: number, version: Version): void {
    const { name, service } = this.places[index]!;
    const database = service === USERS ? this.users : this.orders;
    const process = new SimulatedProcess(this, name, service, version, database, this.seed * 1_000 + ++this.started);
    this.processes[index] = process;
    process.start().catch((error: unknown) => this.ledger.report(error));
  }
}
