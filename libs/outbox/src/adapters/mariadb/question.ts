import type { Row } from '../rows';

/** What stands for a question mark; a list becomes one, for `in (?)`. */
export type Value = string | number | null | undefined | readonly string[];

/** A statement of the library: its name, its text, and the values of its question marks, side by side. */
export interface Question {
  /** Stands in the text too, as a comment, and so in the process list. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly Value[];
  /** The server keeps it parsed, and gets its values beside it: for texts of which there are few. */
  readonly prepared?: boolean;
}

export interface Answer {
  readonly rows: Row[];
  /** How many rows were inserted, deleted, or found by an update. */
  readonly count: number;
}

/** Asks on one connection. */
export type Ask = (question: Question) => Promise<Answer>;

export function question(name: string, text: string, ...values: Value[]): Question {
  return { name, text: `${text.trim()} -- ${name}`, values };
}

export function prepared(asked: Question): Question {
  return { ...asked, prepared: true };
}

/** For text that is put together: notes a value, and says where it stands. Values stand in the order of their notes. */
export function parameters(): { readonly values: Value[]; value(value: Value): string } {
  const values: Value[] = [];
  return {
    values,
    value: (value) => {
      values.push(value);
      return '?';
    },
  };
}

/** For `values (…), (…)`: as many rows as there are lists. */
export function rowsOf(rows: readonly (readonly Value[])[]): string {
  return rows.map((row) => `(${row.map(() => '?').join(', ')})`).join(',\n  ');
}
