import type { Mark, Row, Sequence } from './sequence';

/** Enough for the fonts that `sans-serif` stands for at 11 px. */
const CHARACTER = 6.2;
const TITLE_CHARACTER = 9;
const LINE = 14;
const NARROWEST = 100;
const TOP = 76;
const HEIGHT = { mark: 20, pause: 26, arrow: 12 } as const;

/** Readable on white and on black: whatever shows the picture says which it is. */
const STYLE = `
  text { font: 11px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; stroke: #fff; stroke-width: 3px; paint-order: stroke; }
  .paper { fill: #fff; } .title { font-size: 15px; font-weight: 600; } .actor { font-weight: 600; } .quiet { fill: #59636e; }
  .life { stroke: #b7bfc8; } .gone { stroke: #b7bfc8; stroke-dasharray: 1 5; }
  .arrow { stroke: #0a58ba; fill: none; } .head { fill: #0a58ba; } .dashed { stroke-dasharray: 5 3; }
  .step { fill: #fff; stroke: #59636e; } .started { fill: #1a7f37; } .hurt { fill: #cf222e; } .cross { stroke: #cf222e; stroke-width: 2.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; stroke: #0d1117; } .paper { fill: #0d1117; } .quiet { fill: #9198a1; }
    .life, .gone { stroke: #4a525c; } .arrow { stroke: #6cb2ff; } .head { fill: #6cb2ff; }
    .step { fill: #0d1117; stroke: #9198a1; } .started { fill: #3fb950; } .hurt { fill: #ff7b72; } .cross { stroke: #ff7b72; }
  }
`;

/** As SVG text, the same for the same sequence. */
export function drawSequence({ title, actors, rows }: Sequence): string {
  const { columns, width } = columnsOf(title, actors, rows);
  const x = (actor: string): number => columns[actors.indexOf(actor)]!;
  const drawn: string[] = [];
  const lives = new Lives(actors);
  let y = TOP;
  for (const row of rows) {
    switch (row.kind) {
      case 'pause':
        y += HEIGHT.pause;
        drawn.push(text(columns.at(-1)! / 2 + columns[0]! / 2, y - 9, row.text, 'quiet', 'middle'));
        break;
      case 'mark':
        y += HEIGHT.mark;
        lives.mark(row.on, row.what, y - 6);
        drawn.push(...mark(x(row.on), y - 6, row.text, row.what));
        break;
      case 'arrow':
        y += HEIGHT.arrow + row.lines.length * LINE;
        drawn.push(...arrow(row, x(row.from), x(row.to), y - 5));
        break;
      default:
        return row satisfies never;
    }
  }
  const height = y + 24;
  const heads = actors.map((actor) => text(x(actor), TOP - 16, actor, 'actor', 'middle'));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${width}" height="${height}" rx="6"/>`,
    text(20, 28, title, 'title'),
    ...heads,
    ...lives.draw(x, TOP - 6, height - 12),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

/** As wide apart as what stands between neighbours, and beside the last. */
function columnsOf(
  title: string,
  actors: readonly string[],
  rows: readonly Row[],
): { columns: number[]; width: number } {
  const between = actors.map((actor) => Math.max(NARROWEST, actor.length * CHARACTER + 30));
  const room = (left: number, characters: number, besides: number): void => {
    between[left] = Math.max(between[left]!, Math.ceil(characters * CHARACTER) + besides);
  };
  for (const row of rows) {
    if (row.kind === 'mark') room(actors.indexOf(row.on), row.text.length, 24);
    if (row.kind !== 'arrow') continue;
    const [from, to] = [actors.indexOf(row.from), actors.indexOf(row.to)];
    const longest = Math.max(...row.lines.map(({ length }) => length));
    if (Math.abs(from - to) === 1) room(Math.min(from, to), longest, 28);
  }
  let x = 70;
  const columns = between.map((wide) => (x += wide) - wide);
  return { columns, width: Math.max(x, title.length * TITLE_CHARACTER + 40) };
}

/** A line down for each actor, with a gap where its process was gone. */
class Lives {
  private readonly gone = new Map<string, { from: number; to?: number }[]>();

  constructor(private readonly actors: readonly string[]) {}

  mark(actor: string, what: Mark, y: number): void {
    const gaps = this.gone.get(actor) ?? [];
    if (what === 'die') this.gone.set(actor, [...gaps, { from: y }]);
    else if (what === 'started' && gaps.length > 0) gaps.at(-1)!.to = y;
  }

  draw(x: (actor: string) => number, top: number, bottom: number): string[] {
    return this.actors.flatMap((actor) => {
      const line = (from: number, to: number, look: string): string =>
        `<path class="${look}" d="M${x(actor)} ${from}V${to}"/>`;
      const lines: string[] = [];
      let from = top;
      for (const gap of this.gone.get(actor) ?? []) {
        const back = gap.to ?? bottom;
        lines.push(line(from, gap.from, 'life'), line(gap.from, back, 'gone'));
        from = back;
      }
      return from < bottom ? [...lines, line(from, bottom, 'life')] : lines;
    });
  }
}

function arrow(
  { lines, dashed, lost }: Extract<Row, { kind: 'arrow' }>,
  from: number,
  to: number,
  y: number,
): string[] {
  const way = Math.sign(to - from);
  const end = lost ? from + (to - from) * 0.7 : to;
  const labels = lines.map((line, index) =>
    text((from + to) / 2, y - 5 - (lines.length - 1 - index) * LINE, line, '', 'middle'),
  );
  const head = lost ? cross(end, y) : `<path class="head" d="M${end} ${y}l${-8 * way} -4v8z"/>`;
  return [
    `<path class="arrow${dashed ? ' dashed' : ''}" d="M${from} ${y}H${end - (lost ? 0 : 6 * way)}"/>`,
    head,
    ...labels,
  ];
}

function mark(x: number, y: number, said: string, what: Mark): string[] {
  if (what === 'step') return [`<circle class="step" cx="${x}" cy="${y}" r="3.5"/>`, text(x + 9, y + 4, said, 'quiet')];
  if (what === 'hold' || what === 'silence')
    return [`<circle class="hurt" cx="${x}" cy="${y}" r="4.5"/>`, text(x + 9, y + 4, said, 'hurt')];
  if (what === 'started')
    return [`<circle class="started" cx="${x}" cy="${y}" r="4.5"/>`, text(x + 9, y + 4, said, 'started')];
  return [cross(x, y), text(x + 11, y + 4, said, 'hurt')];
}

function cross(x: number, y: number): string {
  return `<path class="cross" d="M${x - 6} ${y - 6}l12 12m0 -12l-12 12"/>`;
}

function text(x: number, y: number, said: string, look: string, anchor?: string): string {
  const shape = [look && ` class="${look}"`, anchor && ` text-anchor="${anchor}"`].filter(Boolean).join('');
  return `<text x="${x}" y="${y}"${shape}>${escaped(said)}</text>`;
}

function escaped(said: string): string {
  return said.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
