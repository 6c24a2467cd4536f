import { outboxSchemaSql, outboxTables, postgres } from '@tallystick/outbox';
import type { Engine } from '../engine';
import { questions } from './questions';
import { connected, readOnly } from './read-only';
import { SCHEMA_CHECKS } from './schema-checks';
import { SERVER_CHECKS } from './server-checks';

export const postgreSql: Engine = {
  store: () => postgres(),
  schemaSql: async (_, tables) => outboxSchemaSql(tables),
  // One text of several statements is one transaction.
  migrate: async (url, tables) => {
    const text = `select pg_advisory_xact_lock(hashtext('tallystick migrate'));\n${outboxSchemaSql(tables)}`;
    await connected(url, 'migrate', (client) => client.query(text));
  },
  readOnly,
  questions: (tables) => questions(outboxTables(tables)),
  checks: [...SERVER_CHECKS, ...SCHEMA_CHECKS],
};
