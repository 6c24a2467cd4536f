import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { asyncApi } from '@tallystick/outbox';
import type { Command } from 'commander';
import { readOnly } from './database';
import { type CommonFlags, DONE, type Shell } from './shell';

interface Flags extends CommonFlags {
  readonly contracts?: string;
  readonly apiVersion: string;
  readonly exchanges: string;
}

export function addAsyncApi(program: Command, { terminal, attempt, tablesOf, databaseUrl }: Shell): void {
  const { env, out } = terminal;
  program
    .command('asyncapi')
    .description('what a service sends and handles, as an AsyncAPI 3.1 document')
    .option('--contracts <file>', 'a compiled module that exports the contracts: payloads in full')
    .option('--api-version <text>', 'the version of this interface', '1.0.0')
    .option('--exchanges <prefix>', 'what the names of the exchanges begin with', 'outbox')
    .addHelpText(
      'after',
      `
Which types go to whom, and which are handled, the database tells: what was
recorded lately, and every handler that was ever registered. Their payloads, and
which of those handled are announcements, only the contracts tell.`,
    )
    .action((_: unknown, command: Command) =>
      attempt(() => {
        const flags = command.optsWithGlobals<Flags>();
        return readOnly(databaseUrl(flags), 'asyncapi', tablesOf(flags), async ({ ask, questions }) => {
          const service = flags.service ?? env.TALLYSTICK_SERVICE;
          if (!service) throw new Error('Whose interface? Give --service, or set TALLYSTICK_SERVICE.');
          const sends = await ask(questions.sent(service));
          const handles = await ask(questions.handled(service));
          const document = asyncApi({
            service,
            version: flags.apiVersion,
            prefix: flags.exchanges,
            contracts: flags.contracts === undefined ? {} : load(flags.contracts),
            sends,
            handles: handles.map(({ type }) => ({ type, to: [service] })),
          });
          out(JSON.stringify(document, undefined, 2));
          return DONE;
        });
      }),
    );
}

function load(file: string): Record<string, unknown> {
  return createRequire(__filename)(resolve(file)) as Record<string, unknown>;
}
