import { tallystick } from './index';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly said: string;
}

export interface Surroundings {
  readonly env: NodeJS.Dict<string>;
  /** What the person answers. */
  readonly yes: boolean;
  readonly stop: AbortSignal;
  /** Told every line that was asked for, as it comes. */
  onOut(line: string): void;
  /** The same, of everything else. */
  onSay(line: string): void;
}

/** Runs a command line as a person would, and keeps what it wrote. */
export async function runTallystick(args: readonly string[], surroundings: Partial<Surroundings> = {}): Promise<Run> {
  const {
    env = {},
    yes = false,
    stop = new AbortController().signal,
    onOut = () => {},
    onSay = () => {},
  } = surroundings;
  const [out, said]: [string[], string[]] = [[], []];
  const code = await tallystick(args, {
    env,
    out: (text) => {
      out.push(text);
      onOut(text);
    },
    say: (text) => {
      said.push(text);
      onSay(text);
    },
    confirm: (question) => {
      said.push(question);
      return Promise.resolve(yes);
    },
    stop,
  });
  return { code, out: out.join('\n'), said: said.join('\n') };
}
