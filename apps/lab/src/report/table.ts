/** Rows with the same names in the same order. */
export type Row = Readonly<Record<string, string>>;

/** A table that Markdown draws, and that a terminal shows as it is. */
export function table(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const widths = names.map((name) => Math.max(name.length, 3, ...rows.map((row) => row[name]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index]!)).join(' | ')} |`;
  return [
    line(names),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map((row) => line(names.map((name) => row[name]!))),
  ].join('\n');
}

/** Cents as money, with a sign where one matters. */
export function money(cents: number): string {
  return (cents / 100).toFixed(2);
}

export function signed(cents: number): string {
  return cents > 0 ? `+${money(cents)}` : money(cents);
}
