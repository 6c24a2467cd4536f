import { type Ask, type DatabaseClient, marks } from '@tallystick/services';

const MS_OF_A_DAY = 86_400_000;

/** As both kinds of database read it, whatever their time zones make of it. */
export function daysAgo(days: number): string {
  return new Date(Date.now() - days * MS_OF_A_DAY).toISOString().replace('T', ' ').replace('Z', '');
}

type Row = Readonly<Record<string, unknown>>;

/** What a row in MariaDB must say besides: there are no defaults, and a delivery has its message's source. */
const BESIDES: Readonly<Record<string, () => Row>> = {
  outbox_message: () => ({ headers: '{}', created_at: daysAgo(0) }),
  outbox_delivery: () => ({ source: 'rig-producer' }),
  inbox_message: () => ({ received_at: daysAgo(0) }),
};

/** Writes a row as the library would leave it, by nobody of the library. */
export async function writeRow(
  { kind, ask }: { readonly kind: DatabaseClient['kind']; readonly ask: Ask },
  table: string,
  row: Row,
): Promise<void> {
  const whole = { ...(kind === 'mariadb' && BESIDES[table]?.()), ...row };
  const columns = Object.keys(whole);
  await ask(`insert into ${table} (${columns.join(', ')}) values (${marks(columns)})`, Object.values(whole));
}
