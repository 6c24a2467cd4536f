import { existsSync, readFileSync } from 'node:fs';
import type { Terminal } from './terminal';

type Environment = Terminal['env'];

/** What a file may say, and the variable that means the same. */
const VARIABLES: Readonly<Record<string, string>> = {
  databaseUrl: 'DATABASE_URL',
  amqpUrl: 'AMQP_URL',
  consumerUrl: 'TALLYSTICK_CONSUMER_URL',
  managementUrl: 'TALLYSTICK_MANAGEMENT_URL',
  service: 'TALLYSTICK_SERVICE',
  schema: 'TALLYSTICK_SCHEMA',
  prefix: 'TALLYSTICK_PREFIX',
};
const HERE = 'tallystick.json';

/**
 * The environment, and below it what a file says: the one that `--config` or TALLYSTICK_CONFIG names, else `tallystick.json` where
 * the command is run, if there is one. A flag is above both.
 * @throws Error that names what is wrong with the file; never what is in it, for that may be a password
 */
export function environment(args: readonly string[], env: Environment): Environment {
  const named = flag(args) ?? env.TALLYSTICK_CONFIG;
  if (named === undefined && !existsSync(HERE)) return env;
  return { ...settings(named ?? HERE), ...env };
}

/** Read before the flags are, for the file says what flags leave open. */
function flag(args: readonly string[]): string | undefined {
  const index = args.findIndex((arg) => arg === '--config' || arg.startsWith('--config='));
  if (index < 0) return undefined;
  return args[index] === '--config' ? args[index + 1] : args[index]!.slice('--config='.length);
}

function settings(file: string): Record<string, string> {
  const problem = (what: string): Error => new Error(`${file} ${what}.`);
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw problem(error instanceof SyntaxError ? 'is no JSON' : 'cannot be read');
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw problem('is no JSON object');
  return Object.fromEntries(
    Object.entries(found).map(([name, value]: [string, unknown]) => {
      const variable = Object.hasOwn(VARIABLES, name) ? VARIABLES[name] : undefined;
      if (variable === undefined) throw problem(`has "${name}"; there are ${Object.keys(VARIABLES).join(', ')}`);
      if (typeof value !== 'string') throw problem(`has a "${name}" that is no text`);
      return [variable, value];
    }),
  );
}
