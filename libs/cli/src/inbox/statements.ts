import type { OutboxTables } from '@tallystick/outbox';

/** A row of the inbox, for people. */
export interface InboxRow {
  readonly messageId: string;
  readonly consumer: string;
  readonly source: string;
  readonly verdict: string;
  readonly reason: unknown;
  readonly result: unknown;
  readonly payloadHash: string | null;
  readonly receivedAt: string;
}

export function inboxSql(t: OutboxTables) {
  const columns = `message_id as "messageId", consumer, source, verdict, reason, result, encode(payload_hash, 'hex') as "payloadHash",
  to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "receivedAt"`;
  return {
    /** Along the index of times. A parameter that is null asks for nothing. */
    list: `
select ${columns}
from ${t.inbox}
where ($1::text is null or consumer = $1)
  and ($2::text is null or source = $2)
  and ($3::text is null or verdict = $3)
  and ($4::float8 is null or received_at > clock_timestamp() - $4::float8 * interval '1 ms')
  and ($5::float8 is null or received_at < clock_timestamp() - $5::float8 * interval '1 ms')
order by received_at desc, message_id desc
limit $6`,
    show: `
select ${columns}
from ${t.inbox}
where message_id = $1
order by consumer, source`,
  };
}
