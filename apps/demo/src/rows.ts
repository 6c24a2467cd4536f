import { Client } from 'pg';

/** How the message of a purchase stands in both databases. */
export interface MessageRows {
  /** Of user-service: state, attempts and verdict. */
  readonly delivery: string;
  /** Of order-service: the verdict. */
  readonly inbox: string;
}

const NONE = '–';

/** Looks into both databases, whenever it is asked: plain SQL, so that a learner can type the same. */
export class Rows {
  constructor(private readonly databases: { readonly user: string; readonly order: string }) {}

  async of(messageId: string): Promise<MessageRows> {
    const [delivery] = await select<{ state: string; attempts: number; verdict: string | null }>(
      this.databases.user,
      'select state, attempts, verdict from outbox_delivery where message_id = $1',
      messageId,
    );
    const [inbox] = await select<{ verdict: string; reason: string | null }>(
      this.databases.order,
      `select verdict, reason ->> 'code' as reason from inbox_message where message_id = $1`,
      messageId,
    );
    return {
      delivery: delivery ? [delivery.state, delivery.attempts, delivery.verdict ?? NONE].join(' · ') : NONE,
      inbox: inbox ? [inbox.verdict, inbox.reason].filter(Boolean).join(' ') : NONE,
    };
  }
}

async function select<Row extends object>(url: string, sql: string, messageId: string): Promise<Row[]> {
  const client = new Client({ connectionString: url, application_name: 'tallystick-demo' });
  await client.connect();
  try {
    return (await client.query<Row>(sql, [messageId])).rows;
  } finally {
    await client.end();
  }
}
