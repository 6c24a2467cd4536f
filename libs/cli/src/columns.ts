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

/** A text in lines of at most this width, each with this before it. Words stay whole. */
export function wrapped(text: string, before = '', width = 80): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && before.length + last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => before + line);
}
