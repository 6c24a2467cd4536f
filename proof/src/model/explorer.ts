import { Codec, Fields, StateOf, Twins } from './codec';
import { Ints, StateTable } from './state-table';

/**
 * Why a step happens. Liveness asks which steps may be needed on the way to a good end: a protocol that reaches it only
 * by a lucky fault, or only when somebody helps, is not live.
 * - `producer`: ordinary progress that needs nobody else
 * - `exchange`: ordinary progress that needs the broker or the consumer
 * - `refused`: the broker does not take a message
 * - `fault`: a crash, a loss, a duplicate, a handler that throws
 * - `time`: a deadline, a change of mind, an attempt that is the last, age, a deploy
 * - `person`: an operator acts
 */
export type StepKind = 'producer' | 'exchange' | 'refused' | 'fault' | 'time' | 'person';

/** Reports one step that is possible in the state at hand: a sentence and what it changes, later changes winning. */
export type Step<S> = (kind: StepKind, sentence: string, ...changes: readonly Partial<S>[]) => void;

/** A protocol: its fields, where it begins, and every step that can happen next. */
export interface Model<F extends Fields> {
  readonly fields: F;
  readonly initial: StateOf<F>;
  readonly twins?: Twins;
  /** What each actor holds, in words: a trace then shows it after every step. */
  shows?(state: StateOf<F>): readonly string[];
  steps(state: StateOf<F>, step: Step<StateOf<F>>): void;
}

interface Named {
  readonly id: string;
  readonly says: string;
}

/** Must be true in every reachable state. */
export interface Invariant<S> extends Named {
  readonly kind: 'invariant';
  holds(state: S): boolean;
}

/** Must be true of every step that changes one of the fields it watches. */
export interface StepInvariant<S> extends Named {
  readonly kind: 'step invariant';
  readonly watches: readonly (keyof S)[];
  holds(before: S, after: S, kind: StepKind): boolean;
}

/** From every reachable state in `when`, steps of the kinds in `by` alone can lead to the `goal`. */
export interface Liveness<S> extends Named {
  readonly kind: 'liveness';
  readonly by: readonly StepKind[];
  when(state: S): boolean;
  goal(state: S): boolean;
}

export type Property<S> = Invariant<S> | StepInvariant<S> | Liveness<S>;

/** What an exploration found: everything holds, or one property with the shortest way to break it. */
export interface Finding {
  readonly states: number;
  readonly edges: number;
  /** Absent when every property holds. */
  readonly broken?: Broken;
}

interface Broken {
  readonly property: string;
  readonly trace: readonly string[];
  /** After each step of the trace, if the model shows it. */
  readonly holdings?: readonly (readonly string[])[];
}

/**
 * Visits every state of the model, breadth first, so that the first broken property comes with one of its shortest
 * traces. Invariants are asked on the way and end the search; liveness is asked when the whole graph is known.
 */
export function explore<F extends Fields>(model: Model<F>, properties: readonly Property<StateOf<F>>[]): Finding {
  return new Exploration(model, properties).run();
}

class Exploration<F extends Fields> {
  private readonly codec: Codec<F>;
  private readonly table = new StateTable();
  private readonly invariants: Invariant<StateOf<F>>[];
  private readonly stepInvariants: StepInvariant<StateOf<F>>[];
  private readonly liveness: Liveness<StateOf<F>>[];
  /** The fields that some step invariant watches: most steps change none of them. */
  private readonly watched: readonly (keyof StateOf<F>)[];
  /** Only the edges that some liveness property may use: the many faults need not be remembered. */
  private readonly usefulKinds: ReadonlySet<StepKind>;
  private readonly edgeFrom = new Ints();
  private readonly edgeTo = new Ints();
  private readonly edgeKind = new Ints();
  /** Per state, one bit per liveness property. */
  private readonly inGoal = new Ints();
  private readonly inWhen = new Ints();
  private edges = 0;

  constructor(
    private readonly model: Model<F>,
    properties: readonly Property<StateOf<F>>[],
  ) {
    this.codec = new Codec(model.fields, model.twins);
    this.invariants = properties.filter((property) => property.kind === 'invariant');
    this.stepInvariants = properties.filter((property) => property.kind === 'step invariant');
    this.liveness = properties.filter((property) => property.kind === 'liveness');
    this.watched = [...new Set(this.stepInvariants.flatMap((property) => property.watches))];
    this.usefulKinds = new Set(this.liveness.flatMap((property) => property.by));
  }

  run(): Finding {
    this.codec.encode(this.model.initial);
    this.add(-1);
    for (let index = 0; index < this.table.size; index++) {
      const broken = this.visit(index);
      if (broken) return this.finding(broken);
    }
    return this.finding(this.findStuck());
  }

  /** Asks the invariants of one state and takes every step that leaves it. */
  private visit(index: number): Finding['broken'] {
    const [first, second] = [this.table.first(index), this.table.second(index)];
    const state = this.codec.decode(first, second);
    for (const invariant of this.invariants) {
      if (!invariant.holds(state)) return { property: invariant.id, ...this.traceTo(index) };
    }
    this.remember(state);
    let broken: Finding['broken'];
    this.model.steps(state, (kind, _sentence, ...changes) => {
      if (broken) return;
      this.codec.write(first, second, changes);
      if (this.codec.words[0] === first && this.codec.words[1] === second) return;
      this.edges++;
      this.codec.canonicalise();
      const next = this.add(index);
      const wrong = this.brokenBy(state, kind, changes);
      if (wrong) broken = { property: wrong.id, ...this.traceTo(index, { to: next, kind }) };
      else if (this.usefulKinds.has(kind)) this.connect(index, next, kind);
    });
    return broken;
  }

  private brokenBy(state: StateOf<F>, kind: StepKind, changes: readonly Partial<StateOf<F>>[]): Named | undefined {
    if (!changes.some((change) => this.isWatched(change))) return undefined;
    const after: StateOf<F> = Object.assign({}, state, ...changes);
    for (const invariant of this.stepInvariants) {
      if (!invariant.holds(state, after, kind)) return invariant;
    }
    return undefined;
  }

  private isWatched(change: Partial<StateOf<F>>): boolean {
    for (const field of this.watched) if (change[field] !== undefined) return true;
    return false;
  }

  private add(parent: number): number {
    const [first, second] = this.codec.words;
    return this.table.add(first, second, parent);
  }

  private connect(from: number, to: number, kind: StepKind): void {
    this.edgeFrom.push(from);
    this.edgeTo.push(to);
    this.edgeKind.push(KINDS.indexOf(kind));
  }

  private remember(state: StateOf<F>): void {
    if (this.liveness.length === 0) return;
    let [goal, when] = [0, 0];
    this.liveness.forEach((property, bit) => {
      if (property.goal(state)) goal |= 1 << bit;
      if (property.when(state)) when |= 1 << bit;
    });
    this.inGoal.push(goal);
    this.inWhen.push(when);
  }

  /** The first state found from which a liveness property can no longer be met. */
  private findStuck(): Finding['broken'] {
    if (this.liveness.length === 0) return undefined;
    const incoming = this.incomingEdges();
    for (const [bit, property] of this.liveness.entries()) {
      const canEnd = this.leadingToGoal(bit, property, incoming);
      for (let index = 0; index < this.table.size; index++) {
        if (this.inWhen.at(index) & (1 << bit) && !canEnd[index]) {
          return { property: property.id, ...this.traceTo(index) };
        }
      }
    }
    return undefined;
  }

  /** Every state from which the goal can be reached, found by walking backwards from the goal. */
  private leadingToGoal(bit: number, property: Liveness<StateOf<F>>, incoming: Incoming): Uint8Array {
    const usable = KINDS.map((kind) => property.by.includes(kind));
    const reached = new Uint8Array(this.table.size);
    const waiting: number[] = [];
    const reach = (index: number) => {
      if (reached[index]) return;
      reached[index] = 1;
      waiting.push(index);
    };
    for (let index = 0; index < this.table.size; index++) if (this.inGoal.at(index) & (1 << bit)) reach(index);
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      const end = incoming.start[index + 1] as number;
      for (let edge = incoming.start[index] as number; edge < end; edge++) {
        if (usable[incoming.kind[edge] as number]) reach(incoming.from[edge] as number);
      }
    }
    return reached;
  }

  /** The edges, sorted by the state they lead to. */
  private incomingEdges(): Incoming {
    const count = this.edgeTo.length;
    const start = new Int32Array(this.table.size + 1);
    for (let edge = 0; edge < count; edge++) start[this.edgeTo.at(edge) + 1]!++;
    for (let index = 0; index < this.table.size; index++) start[index + 1]! += start[index]!;
    const free = start.slice();
    const from = new Int32Array(count);
    const kind = new Uint8Array(count);
    for (let edge = 0; edge < count; edge++) {
      const place = free[this.edgeTo.at(edge)]!++;
      from[place] = this.edgeFrom.at(edge);
      kind[place] = this.edgeKind.at(edge);
    }
    return { start, from, kind };
  }

  /**
   * The sentences on the way to a state. Steps are not stored: the way is walked again, from state to state, with the
   * actors' real names instead of the canonical ones, so that relay A stays relay A from the first line to the last.
   */
  private traceTo(index: number, last?: { to: number; kind: StepKind }): Omit<Broken, 'property'> {
    const way: { to: number; kind?: StepKind }[] = last ? [last] : [];
    for (let at = index; this.table.parent(at) >= 0; at = this.table.parent(at)) way.unshift({ to: at });
    this.codec.encode(this.model.initial);
    let [first, second] = this.codec.words;
    const holdings: (readonly string[])[] = [];
    const trace = way.map(({ to, kind: wanted }) => {
      let found: { sentence: string; words: [number, number] } | undefined;
      this.model.steps(this.codec.decode(first, second), (kind, sentence, ...changes) => {
        if (found || (wanted && wanted !== kind)) return;
        this.codec.write(first, second, changes);
        const words: [number, number] = [...this.codec.words];
        this.codec.canonicalise();
        if (this.codec.words[0] !== this.table.first(to) || this.codec.words[1] !== this.table.second(to)) return;
        found = { sentence, words };
      });
      if (!found) throw new Error('The trace cannot be walked again: a step depends on more than the state.');
      [first, second] = found.words;
      if (this.model.shows) holdings.push(this.model.shows(this.codec.decode(first, second)));
      return found.sentence;
    });
    return { trace, ...(this.model.shows && { holdings }) };
  }

  private finding(broken: Finding['broken']): Finding {
    return { states: this.table.size, edges: this.edges, ...(broken && { broken }) };
  }
}

interface Incoming {
  readonly start: Int32Array;
  readonly from: Int32Array;
  readonly kind: Uint8Array;
}

const KINDS: readonly StepKind[] = ['producer', 'exchange', 'refused', 'fault', 'time', 'person'];
