import { connectDatabase } from '@tallystick/services';

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
      'select state, attempts, verdict from outbox_delivery where message_id = ?',
      messageId,
    );
    const [inbox] = await select<{ verdict: string; reason: string | { code: string } | null }>(
      this.databases.order,
      'select verdict, reason from inbox_message where message_id = ?',
      messageId,
    );
    return {
      delivery: delivery ? [delivery.state, delivery.attempts, delivery.verdict ?? NONE].join(' · ') : NONE,
      inbox: inbox ? [inbox.verdict, codeOf(inbox.reason)].filter(Boolean).join(' ') : NONE,
    };
  }
}

/** JSON: PostgreSQL's driver has read it already. */
function codeOf(reason: string | { code: string } | null): string | undefined {
  const read = typeof reason === 'string' ? (JSON.parse(reason) as { code: string }) : reason;
  return read?.code;
}

async function select<Row extends object>(url: string, sql: string, messageId: string): Promise<Row[]> {
  const client = await connectDatabase(url, 'tallystick-demo');
  try {
    return await client.ask<Row>(sql, [messageId]);
  } finally {
    await client.end();
  }
}
