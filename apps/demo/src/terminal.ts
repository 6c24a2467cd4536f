import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

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

  /** What should happen now. */
  expectation(text: string): void {
    this.line('dim', `  expect: ${text}`);
  }

  /** What was done or seen. */
  step(text: string): void {
    this.out.write(`    ${text}\n`);
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
