import type { DatabaseClient } from '@tallystick/services';

/** What audit and oracles have to say in two ways. Nothing of the library is in here. */

type Kind = DatabaseClient['kind'];

/** The type of a column for an id, which those of the library are compared with. */
export function idType(kind: Kind): string {
  return kind === 'postgres' ? 'uuid' : 'char(36) character set ascii collate ascii_bin';
}

/** What a column of JSON has at the end of a path, as a text; null if it has nothing there. */
export function textAt(kind: Kind, column: string, ...path: readonly string[]): string {
  return kind === 'postgres' ? `${column} #>> '{${path.join(',')}}'` : `json_value(${column}, '$.${path.join('.')}')`;
}

/** Counts of a look, by what is counted. */
export function counted<Row extends { readonly times: string }>(
  rows: readonly Row[],
  by: (row: Row) => string,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(by(row), (counts.get(by(row)) ?? 0) + Number(row.times));
  return counts;
}
