/** Rows under their headings, each column as wide as its widest cell; the last one takes what is left of the line. */
export function columns(headings: readonly string[], rows: readonly (readonly string[])[], width = 80): string[] {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, column) => (column < cells.length - 1 ? cell.padEnd(widths[column]!) : cell));
    const text = padded.join('  ').trimEnd();
    return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
  };
  return [line(headings), ...rows.map(line)];
}
