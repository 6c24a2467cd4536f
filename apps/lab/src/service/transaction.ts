import type { End } from './passed';

/** As in `(?:^|[()])\s*` of CTEs: a statement that changes rows begins a text, or stands in or behind a parenthesis. */
const WRITES =
  /(?:^|[()])\s*(insert\s+into|delete\s+from|update(?=\s+[^\s(),;]+[\s\w]*?\sset\b))\s+(?:"?\w+"?\.)?"?(\w+)/gi;
const BEGINS = /^\s*(?:begin|start transaction)\b/i;
const ENDS = /^\s*(commit prepared|rollback prepared|prepare transaction|commit|rollback)\b/i;
const SAVEPOINT = /^\s*(savepoint|rollback to(?: savepoint)?)\s+"?(\w+)"?/i;

/** What one connection writes, from its texts alone: until it ends, and how. */
export class Transaction {
  private open = false;
  private writes: string[] = [];
  private readonly savepoints = new Map<string, number>();

  /**
   * @param rows that the statement wrote, or gave back
   * @returns what ended with it, if it wrote anything, or ended what was prepared
   */
  take(text: string, rows: number): { readonly writes: readonly string[]; readonly end: End } | undefined {
    const [, savepoint, name] = SAVEPOINT.exec(text) ?? [];
    if (savepoint?.toLowerCase() === 'savepoint') this.savepoints.set(name!, this.writes.length);
    else if (savepoint) this.writes.length = Math.min(this.writes.length, this.savepoints.get(name!) ?? 0);
    if (savepoint) return undefined;
    if (BEGINS.test(text)) this.open = true;
    if (rows > 0) this.writes.push(...writesOf(text));
    const end = ENDS.exec(text)?.[1]?.toLowerCase() as End | undefined;
    if (this.open && !end) return undefined;
    const { writes } = this;
    this.open = false;
    this.writes = [];
    this.savepoints.clear();
    if (writes.length === 0 && !end?.endsWith(' prepared')) return undefined;
    return { writes, end: end ?? 'commit' };
  }
}

/** Each once, in the order of the text: `insert orders`, `update stock`. */
function writesOf(text: string): string[] {
  const found = [...text.matchAll(WRITES)].map(([, verb, table]) => `${/^\w+/.exec(verb!)![0].toLowerCase()} ${table}`);
  return [...new Set(found)];
}
