/** A Markdown table. The columns are those of the first row; from the third on they are numbers. */
export function table(rows: readonly Record<string, string>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(names),
    line(names.map((_, index) => (index < 2 ? '---' : '---:'))),
    ...rows.map((row) => line(names.map((name) => row[name]!))),
  ].join('\n');
}
