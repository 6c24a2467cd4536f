import { randomUUID } from 'node:crypto';
import type { Ask } from '@tallystick/services';
import { ORDERS, USERS } from '../business/order-requested';
import type { Engine } from '../engines/engine';

/** Inserts so many messages with this payload, all due now, and with the ids and bodies of real ones. */
export type Fill = (ask: Ask, count: number, payload: string) => Promise<void>;

/** An id of its own for every number, one after another, as those that contain the time. */
const MARIADB_ID = `concat(?, lpad(lower(hex(seq)), 12, '0'))`;

function prefix(): string {
  return randomUUID().slice(0, -12);
}

/** Of the hand-written kind. */
export const FILL_RAW: Readonly<Record<Engine, Fill>> = {
  postgres: async (ask, count, payload) => {
    await ask(
      `
insert into outbox (id, type, payload, state, attempts, next_at)
select gen_random_uuid(), 'order.requested', ?::json, 'pending', 0, clock_timestamp()
from generate_series(1, ?::int) -- bench`,
      [payload, count],
    );
  },
  mariadb: async (ask, count, payload) => {
    await ask(
      `
insert into outbox (id, type, payload, state, attempts, next_at)
select ${MARIADB_ID}, 'order.requested', ?, 'pending', 0, utc_timestamp(6)
from seq_1_to_${count} -- bench`,
      [prefix(), payload],
    );
  },
};

/** Of the library's kind. */
export const FILL_LIBRARY: Readonly<Record<Engine, Fill>> = {
  postgres: async (ask, count, payload) => {
    await ask(
      `
with added as (
  insert into outbox_message (id, aggregatetype, aggregateid, type, payload)
  select gen_random_uuid(), '${USERS}', ?::json ->> 'userId', 'order.requested', ?::json
  from generate_series(1, ?::int)
  returning id
)
insert into outbox_delivery (message_id, consumer, state, attempts, next_at, follow_up)
select id, '${ORDERS}', 'pending', 0, clock_timestamp(), 'none'
from added -- bench`,
      [payload, payload, count],
    );
  },
  mariadb: async (ask, count, payload) => {
    const common = prefix();
    await ask('start transaction');
    await ask(
      `
insert into outbox_message (id, aggregatetype, aggregateid, type, payload, headers, created_at)
select ${MARIADB_ID}, '${USERS}', json_value(?, '$.userId'), 'order.requested', ?, '{}', utc_timestamp(6)
from seq_1_to_${count} -- bench`,
      [common, payload, payload],
    );
    await ask(
      `
insert into outbox_delivery (message_id, consumer, source, state, attempts, next_at, follow_up)
select ${MARIADB_ID}, '${ORDERS}', '${USERS}', 'pending', 0, utc_timestamp(6), 'none'
from seq_1_to_${count} -- bench`,
      [common],
    );
    await ask('commit');
  },
};
