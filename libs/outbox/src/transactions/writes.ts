import type { SqlWrite } from './dialect';

/** How writes look in one database. */
export interface LookOfWrites {
  /** What can hide a verb or look like one: comments, strings and quoted names. */
  readonly noise: RegExp;
  /** What names are quoted with. */
  readonly quote: RegExp;
  /** A statement that changes rows: its `verb` and its `table`, wherever in a text one can begin. */
  readonly changesRows: RegExp;
  /** One that changes anything else, and can only begin a text. */
  readonly changesOtherThings: RegExp;
  /** One that only describes what it would do. */
  readonly plainExplain: RegExp;
}

/**
 * The writes in a SQL text, found by looking at the text: no parser, no database. It cannot see what a function does
 * (`select charge(1)`, `execute prepared`).
 */
export function writesIn(sql: string, look: LookOfWrites): SqlWrite[] {
  const writes: SqlWrite[] = [];
  let start = 0;
  for (const statement of blankNoise(sql, look).split(';')) {
    const original = sql.slice(start, start + statement.length);
    start += statement.length + 1;
    if (look.plainExplain.test(statement)) continue;
    const other = look.changesOtherThings.exec(statement);
    for (const match of other ? [other] : statement.matchAll(look.changesRows)) {
      const verb = match.groups?.verb ?? match[0];
      const position = match.indices?.groups?.table;
      writes.push({
        verb: verb.trim().split(/\s/, 1)[0]!.toUpperCase(),
        table: position && original.slice(...position).replaceAll(look.quote, ''),
      });
    }
  }
  return writes;
}

/** Replaces noise by filler of the same length, so that positions still fit the original text. */
export function blankNoise(sql: string, { noise, quote }: Pick<LookOfWrites, 'noise' | 'quote'>): string {
  return sql.replace(noise, (text) => (text.search(quote) === 0 ? 'q' : ' ').repeat(text.length));
}
