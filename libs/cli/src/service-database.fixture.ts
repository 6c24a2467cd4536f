import { randomUUID } from 'node:crypto';
import {
  type Ask,
  connectDatabase,
  connectTestPostgres,
  type DatabaseClient,
  findMariaDb,
  type MariaDbDatabaseServer,
  testDatabase,
} from '@tallystick/services';
import { runTallystick } from './terminal.fixture';

export const KINDS = ['PostgreSQL', 'MariaDB'] as const;
export type DatabaseKind = (typeof KINDS)[number];

export interface DeliveryRow {
  readonly id?: string;
  readonly source?: string;
  readonly type?: string;
  readonly key?: string;
  readonly payload?: string;
  readonly consumer?: string;
  readonly state?: string;
  readonly attempts?: number;
  readonly error?: string | null;
  /** Everything that it says of times was so long ago. */
  readonly ageMs?: number;
}

export interface InboxSeed {
  readonly consumer?: string;
  readonly id: string;
  readonly source?: string;
  readonly verdict?: string;
  readonly reason?: string;
  readonly result?: string;
  readonly hash?: string;
  readonly ageMs?: number;
}

const FINAL: Readonly<Record<string, string>> = { completed: 'accepted', compensated: 'rejected' };

/** A database of a service, migrated by the command line, with rows that a test puts there by hand. */
export class ServiceDatabase {
  private constructor(
    readonly kind: DatabaseKind,
    readonly url: string,
    private readonly client: DatabaseClient,
    private readonly gone: () => Promise<void>,
  ) {}

  static async create(kind: DatabaseKind, name: string, server?: MariaDbDatabaseServer): Promise<ServiceDatabase> {
    const [url, gone] = kind === 'PostgreSQL' ? await ofPostgres(name) : await ofMariaDb(server);
    const { code, said } = await runTallystick(['migrate', '--database-url', url]);
    if (code !== 0) throw new Error(said);
    return new ServiceDatabase(kind, url, await connectDatabase(url), gone);
  }

  /** With `?` for values. */
  readonly ask: Ask = (sql, values) => this.client.ask(sql, values);

  async drop(): Promise<void> {
    await this.client.end();
    await this.gone();
  }

  async empty(): Promise<void> {
    for (const table of ['message', 'delivery', 'follow_up', 'audit', 'pause', 'job'])
      await this.ask(`delete from outbox_${table}`);
  }

  /** That long ago, as SQL. */
  ago(ms: number): string {
    const micros = Math.round(ms * 1_000);
    return this.kind === 'PostgreSQL'
      ? `clock_timestamp() - interval '${micros} microseconds'`
      : `utc_timestamp(6) - interval ${micros} microsecond`;
  }

  /** A message and its delivery. @returns its id */
  async delivery(row: DeliveryRow = {}): Promise<string> {
    const { id = randomUUID(), source = 'user-service', type = 'order.requested', payload = '{}', ageMs = 0 } = row;
    const { consumer = 'order-service', state = 'pending', attempts = 1, error = null, key = null } = row;
    const verdict = FINAL[state] ?? null;
    const ago = this.ago(ageMs);
    const headers = this.kind === 'MariaDB' ? [', headers', `, '{}'`] : ['', ''];
    await this.ask(
      `insert into outbox_message (id, aggregatetype, aggregateid, type, payload, created_at${headers[0]}) values (?, ?, ?, ?, ?, ${ago}${headers[1]})`,
      [id, source, key, type, payload],
    );
    const own = this.kind === 'MariaDB' ? ['source, ', '?, '] : ['', ''];
    await this.ask(
      `insert into outbox_delivery (${own[0]}message_id, consumer, state, attempts, follow_up, next_at, settled_at, verdict, reason, code, last_error)
       values (${own[1]}?, ?, ?, ?, 'none', ${['pending', 'sent'].includes(state) ? ago : 'null'}, ${verdict || state === 'delivered' ? ago : 'null'}, ?, ?, ?, ?)`,
      [
        ...(this.kind === 'MariaDB' ? [source] : []),
        ...[id, consumer, state, attempts, verdict],
        ...[verdict === 'rejected' ? '{"code":"OUT_OF_STOCK"}' : null, error?.split(':')[0] ?? null, error],
      ],
    );
    return id;
  }

  async settle(id: string): Promise<void> {
    await this.ask(
      `update outbox_delivery set state = 'completed', verdict = 'accepted', next_at = null, settled_at = ${this.ago(0)} where message_id = ?`,
      [id],
    );
  }

  async inbox(row: InboxSeed): Promise<void> {
    const { consumer = 'order-service', id, source = 'user-service', verdict = 'accepted', ageMs = 0 } = row;
    const { reason = null, result = null, hash = null } = row;
    const hashed = this.kind === 'PostgreSQL' ? `decode(?, 'hex')` : '?';
    await this.ask(
      `insert into inbox_message (consumer, message_id, source, verdict, reason, result, payload_hash, received_at) values (?, ?, ?, ?, ?, ?, ${hashed}, ${this.ago(ageMs)})`,
      [consumer, id, source, verdict, reason, result, hash],
    );
  }

  async handler(consumer: string, type: string): Promise<void> {
    const columns = this.kind === 'MariaDB' ? ['registered_at, ', `utc_timestamp(6), `] : ['', ''];
    await this.ask(
      `insert into inbox_handler (${columns[0]}consumer, type, handler) values (${columns[1]}?, ?, 'Some.handler')`,
      [consumer, type],
    );
  }

  async followUp(source: string, type: string, verdict: string): Promise<void> {
    const columns = this.kind === 'MariaDB' ? ['registered_at, ', `utc_timestamp(6), `] : ['', ''];
    await this.ask(
      `insert into outbox_follow_up (${columns[0]}source, type, verdict, handler) values (${columns[1]}?, ?, ?, 'Purchases.refund')`,
      [source, type, verdict],
    );
  }

  async statesOf(...ids: string[]): Promise<string[]> {
    const rows = await this.ask<{ message_id: string; state: string }>('select message_id, state from outbox_delivery');
    return ids.map((id) => rows.find((each) => each.message_id === id)!.state);
  }
}

async function ofPostgres(name: string): Promise<[string, () => Promise<void>]> {
  const url = await testDatabase(name);
  return [url, () => connectTestPostgres().dropDatabase(url)];
}

/** On a server of its own, unless one is given. */
async function ofMariaDb(given?: MariaDbDatabaseServer): Promise<[string, () => Promise<void>]> {
  const server = given ?? (await findMariaDb({ install: true }));
  const url = await server.createDatabase();
  return [
    url,
    async () => {
      await server.dropDatabase(url);
      if (!given) await server.stop();
    },
  ];
}
