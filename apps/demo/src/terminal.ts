import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** As wide as most steps are. */
const COLUMN = 66;

/** Han characters take two columns of a terminal. */
function padded(text: string, columns: number): string {
  const wide = text.match(/[\u2e80-\u9fff\uff00-\uff60]/g)?.length ?? 0;
  return text + ' '.repeat(Math.max(0, columns - text.length - wide));
}

/** What the demo says. Colours only where a person is looking. */
export class Terminal {
  constructor(private readonly out: NodeJS.WriteStream) {}

  /** Something is being prepared. */
  progress(text: string): void {
    this.line('dim', `· ${text}`);
  }

  /** The line that programs look for: everything is up. */
  ready(state: object): void {
    this.out.write(`ready ${JSON.stringify(state)}\n`);
  }

  heading(text: string): void {
    this.line('bold', `\n${text}`);
  }

  /** What should happen now, or how to read it. */
  expectation(text: string): void {
    this.line('dim', `  ${text}`);
  }

  /** What was done or seen; and beside it, in a column of its own, what the tables hold. */
  step(text: string, rows?: string): void {
    this.out.write(rows === undefined ? `    ${text}\n` : `    ${padded(text, COLUMN)} │ ${rows}\n`);
  }

  verdict(holds: boolean, text: string): void {
    this.line(holds ? 'green' : 'red', `  ${holds ? '✓' : '✗'} ${text}`);
  }

  say(text: string): void {
    this.out.write(`${text}\n`);
  }

  problem(text: string): void {
    this.line('red', text);
  }

  private line(style: Style, text: string): void {
    this.out.write(`${this.out.isTTY ? styleText(style, text) : text}\n`);
  }
}
