import { createInterface } from 'node:readline/promises';

/** What a command may see and say. A program has the process's own; a test has one that it can read. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What was asked for: one thing per line, or JSON. */
  out(text: string): void;
  /** Everything else: progress, questions, mistakes. */
  say(text: string): void;
  /** Asks somebody. False also where nobody can answer. */
  confirm(question: string): Promise<boolean>;
  /** Aborted when somebody wants to stop. */
  readonly stop: AbortSignal;
}

export function processTerminal(): Terminal {
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  process.once('SIGTERM', () => stopping.abort());
  return {
    env: process.env,
    out: (text) => void process.stdout.write(`${text}\n`),
    say: (text) => void process.stderr.write(`${text}\n`),
    stop: stopping.signal,
    confirm: async (question) => {
      if (!process.stdin.isTTY) return false;
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        const answer = await lines.question(`${question} [y/N] `, { signal: stopping.signal });
        return /^y(es)?$/i.test(answer.trim());
      } catch {
        return false; // stopped while it was asked
      } finally {
        lines.close();
      }
    },
  };
}
