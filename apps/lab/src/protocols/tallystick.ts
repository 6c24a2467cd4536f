import type { Protocol } from './protocol';

/** Loaded when it is needed: most protocols are made without a framework, and their processes start in no time. */
export async function tallystickTables(): Promise<string> {
  const { outboxSchemaSql } = await import('@tallystick/outbox');
  return outboxSchemaSql();
}

/** What a reader wants to see of the library's tables. */
export const TALLYSTICK_ROWS: Protocol['show'] = {
  user: [
    `select m.type, d.state, d.attempts, d.verdict from outbox_delivery d join outbox_message m on m.id = d.message_id
      order by m.created_at`,
  ],
  order: ['select message_id, verdict from inbox_message order by received_at'],
};
