import { columns, wrapped } from '../columns';
import type { Difference, DifferenceKind } from './compare';
import type { Compared } from './reconcile';

/** What each kind means, and what to do. */
const MEANS: Readonly<Record<DifferenceKind, (producer: string, consumer: string) => string>> = {
  forgotten: (producer, consumer) =>
    `${producer} was told a verdict, and ${consumer} has no row of it: its database was restored, or rows were deleted. ` +
    `A copy would be executed again. Keep the relays of ${producer} stopped until the business tables of ${consumer} are right.`,
  unknown: (producer, consumer) =>
    `${consumer} decided, and ${producer} has no such message: its database was restored, or rows were deleted. ` +
    `What ${consumer} did was done for nobody: undo it by hand, or record by hand what was asked for.`,
  contradiction: (producer, consumer) =>
    `${producer} was told one thing and ${consumer} has written down another: a database was restored and the message executed ` +
    `again, or two systems share a name. Look into both, and settle it by hand.`,
  unheard: (producer, consumer) =>
    `${consumer} decided, and ${producer} has not heard of it. An open row asks again by itself: is its relay running? ` +
    `A parked one needs "tallystick retry ID"; it is answered from the inbox.`,
  unfinished: (producer) =>
    `The verdict is known, but the follow-up has not run in ${producer}. Answered: it is tried again. Parked: repair it, ` +
    `then "tallystick retry ID".`,
};
const KINDS = Object.keys(MEANS) as DifferenceKind[];

/** Counts all differences, and keeps some of each kind. */
export class Report {
  private readonly counts = new Map<DifferenceKind, number>();
  private readonly examples: Difference[] = [];

  constructor(
    private readonly producer: string,
    private readonly consumer: string,
    private readonly limit: number,
  ) {}

  add(difference: Difference): void {
    const count = (this.counts.get(difference.kind) ?? 0) + 1;
    this.counts.set(difference.kind, count);
    if (count <= this.limit) this.examples.push(difference);
  }

  get differences(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  json(compared: Compared): object {
    const { producer, consumer } = this;
    return { producer, consumer, compared, differences: Object.fromEntries(this.counts), examples: this.examples };
  }

  lines(compared: Compared): string[] {
    const lines = KINDS.filter((kind) => this.counts.has(kind)).flatMap((kind) => [...this.section(kind), '']);
    const summary =
      `${this.producer} → ${this.consumer}: ${compared.producer} verdicts and ${compared.consumer} inbox rows, ` +
      (this.differences === 0
        ? 'no difference'
        : `${this.differences} ${this.differences === 1 ? 'difference' : 'differences'}`);
    return [...lines, ...wrapped(`${summary}${compared.stopped ? ' until it was stopped' : ''}.`)];
  }

  private section(kind: DifferenceKind): string[] {
    const shown = this.examples.filter((each) => each.kind === kind);
    const more = this.counts.get(kind)! - shown.length;
    const rows = shown.map(({ id, producer, consumer }) => [
      id,
      producer ? [producer.state, producer.verdict ?? []].flat().join(', ') : 'nothing',
      consumer?.verdict ?? 'nothing',
    ]);
    return [
      `${kind.toUpperCase()} (${this.counts.get(kind)})`,
      ...wrapped(MEANS[kind](this.producer, this.consumer)),
      ...columns(['message', 'producer', 'consumer'], rows),
      ...(more > 0 ? [`… and ${more} more: --limit names them`] : []),
    ];
  }
}
