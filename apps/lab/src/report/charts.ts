import type { HappyRow } from '../experiments/happy';

/** What of table A is easier seen than read: for Markdown, a bar for each protocol. Shares of one run, as everywhere. */
export function charts(rows: readonly HappyRow[]): string {
  return [
    '## Table A, drawn',
    chart(rows, 'Until the shopper has an answer, ms (median)', ({ client }) => client.p50),
    chart(rows, 'Until everything is final, ms (median)', ({ final }) => final.p50),
    chart(rows, 'How long the row of the account is locked, ms', ({ lockMs }) => lockMs),
    chart(rows, 'Purchases per second from a thousand accounts', ({ cold }) => cold),
    chart(rows, 'Purchases per second from one account', ({ hot }) => hot),
  ].join('\n\n');
}

function chart(rows: readonly HappyRow[], title: string, valueOf: (row: HappyRow) => number): string {
  return [
    '```mermaid',
    'xychart-beta horizontal',
    `  title "${title}"`,
    `  x-axis [${rows.map(({ protocol }) => `"${protocol}"`).join(', ')}]`,
    `  bar [${rows.map((row) => valueOf(row).toFixed(1)).join(', ')}]`,
    '```',
  ].join('\n');
}
