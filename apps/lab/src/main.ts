#!/usr/bin/env node
import { Cleanup, RabbitUnavailableError } from '@tallystick/services';
import { InvalidArgumentError } from 'commander';
import { inspect } from 'node:util';
import { type Asked, perform } from './commands';
import { labCommand } from './program';
import { Terminal } from './report/terminal';
import { type Servers, startServers } from './world/servers';

/** Exit codes: 0 all was as expected · 1 something was not, or could not be done · 130 and 143 somebody stopped it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function run(what: string, asked: Asked): Promise<number> {
  const terminal = new Terminal(asked.json ? process.stderr : process.stdout);
  const ending = new AbortController();
  const cleanup = new Cleanup();
  let interrupted: number | undefined;
  let cleaned: Promise<void> | undefined;
  for (const [name, exitCode] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (interrupted !== undefined) process.exit(exitCode); // a second one does not wait: the servers have guards
      interrupted = exitCode;
      process.stderr.write(`\n${name}: stopping\n`);
      ending.abort(new Error(name));
      cleaned = cleanup.run();
      void cleaned.finally(() => process.exit(exitCode));
    });
  }
  const onProgress = (line: string): void => void process.stderr.write(`· ${line}\n`);
  const servers = (): Promise<Servers> => startServers(cleanup, onProgress);
  const lab = { cleanup, signal: ending.signal, onProgress, servers };
  try {
    const asExpected = await perform(what, asked, lab, terminal);
    return interrupted ?? (asExpected ? 0 : 1); // what was stopped is not as expected either
  } catch (error) {
    if (interrupted === undefined) process.stderr.write(`${isPlain(error) ? error.message : inspect(error)}\n`);
    return interrupted ?? 1;
  } finally {
    await (cleaned ?? cleanup.run());
  }
}

/** Its message says what to do; a stack trace would not help. */
function isPlain(error: unknown): error is Error {
  return error instanceof RabbitUnavailableError || error instanceof InvalidArgumentError;
}

void labCommand(async (what, asked) => process.exit(await run(what, asked))).parseAsync();
