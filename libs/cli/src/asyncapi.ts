import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { asyncApi, type OutboxTables, outboxTables } from '@tallystick/outbox';
import type { Command } from 'commander';
import { readOnly } from './read-only';
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
        return readOnly(databaseUrl(flags), 'asyncapi', async (database) => {
          const service = flags.service ?? env.TALLYSTICK_SERVICE;
          if (!service) throw new Error('Whose interface? Give --service, or set TALLYSTICK_SERVICE.');
          const t = outboxTables(tablesOf(flags));
          const sends = await database.rows<{ type: string; to: string[] }>(sentSql(t), [service]);
          const handles = await database.rows<{ type: string }>(`select type from ${t.handler} where consumer = $1`, [
            service,
          ]);
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

/** Types and consumers of the newest messages. Announcements have none. */
const sentSql = (t: OutboxTables): string => `
select m.type, coalesce(array_agg(distinct d.consumer) filter (where d.consumer <> '*'), '{}') as "to"
from (select id, type from ${t.message} where aggregatetype = $1 order by id desc limit 100000) m
join ${t.delivery} d on d.message_id = m.id
group by m.type
order by m.type`;

function load(file: string): Record<string, unknown> {
  return createRequire(__filename)(resolve(file)) as Record<string, unknown>;
}
