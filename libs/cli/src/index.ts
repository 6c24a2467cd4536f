import { type Command, CommanderError } from 'commander';
import { environment } from './config';
import { program } from './program';
import { DONE, MISUSED } from './shell';
import type { Terminal } from './terminal';

/** Runs one command line, without the program's own name. Never rejects. @returns the exit code */
export async function tallystick(args: readonly string[], terminal: Terminal): Promise<number> {
  let code = DONE;
  let env: Terminal['env'];
  try {
    env = environment(args, terminal.env);
  } catch (error) {
    terminal.say((error as Error).message);
    return MISUSED;
  }
  const command = program({ ...terminal, env }, (result) => (code = result));
  for (const each of all(command)) each.exitOverride();
  try {
    await command.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? DONE : MISUSED;
  }
}

/** A command with those below it. */
function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)];
}

export type { Terminal } from './terminal';
