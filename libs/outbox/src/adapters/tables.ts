import { InvalidOptionsError } from '../errors';

/** The tables that the library has in every database, ready to be put into SQL. */
export interface CommonTables {
  readonly message: string;
  readonly delivery: string;
  readonly inbox: string;
  readonly handler: string;
  readonly followUp: string;
  readonly audit: string;
  readonly pause: string;
  readonly job: string;
  readonly version: string;
}

/** @param table what a table of this name is called, quoted, and qualified if it is known by what */
export function commonTables(table: (name: string) => string): CommonTables {
  return {
    message: table('outbox_message'),
    delivery: table('outbox_delivery'),
    inbox: table('inbox_message'),
    handler: table('inbox_handler'),
    followUp: table('outbox_follow_up'),
    audit: table('outbox_audit'),
    pause: table('outbox_pause'),
    job: table('outbox_job'),
    version: table('outbox_schema'),
  };
}

/** @throws InvalidOptionsError if a name is not on the allow-list, so that nothing else is put into SQL */
export function checkNames({ schema, prefix }: { schema?: string; prefix?: string }, allowed: RegExp): void {
  const problems = Object.entries({ schema, prefix })
    .filter(([, name]) => name !== undefined && !(typeof name === 'string' && allowed.test(name)))
    .map(([option, name]) => `${option} ${JSON.stringify(name)} must match ${allowed.source}`);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}
