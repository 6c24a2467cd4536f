import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** What the lab says. Colours only where a person is looking. */
export class Terminal {
  constructor(private readonly out: { readonly isTTY?: boolean; write(text: string): unknown }) {}

  say(text: string): void {
    this.out.write(`${text}\n`);
  }

  heading(text: string): void {
    this.line('bold', `\n${text}`);
  }

  quiet(text: string): void {
    this.line('dim', text);
  }

  verdict(holds: boolean, text: string): void {
    this.line(holds ? 'green' : 'red', `${holds ? '✓' : '✗'} ${text}`);
  }

  private line(style: Style, text: string): void {
    this.out.write(`${this.out.isTTY ? styleText(style, text) : text}\n`);
  }
}
