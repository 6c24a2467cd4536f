import { until } from '@tallystick/services';
import { createConnection } from 'mysql2/promise';
import type { EntityManager } from 'typeorm';

/** What the server tells of its transactions is as old as the last question, unless that was a tenth of a second ago. */
export const ASKED_SLOWLY = { everyMs: 150 };
/** Rows of the table `contended` that another transaction writes, so that the server finds ours the cheaper to give up. */
const MORE_ROWS = 20;

/** What {@link deadlockWith} needs. */
export const CONTENDED = [
  'create table contended (id int primary key, value int not null) engine = InnoDB',
  `insert into contended select seq, 0 from seq_1_to_${MORE_ROWS}`,
];

/**
 * A real deadlock of this transaction with one on another connection, which ours loses. The other one is then rolled back.
 * @returns what our statement was answered with
 */
export async function deadlockWith(manager: Pick<EntityManager, 'query'>, url: string): Promise<unknown> {
  const other = await createConnection({ uri: url });
  const observer = await createConnection({ uri: url });
  const otherWaits = async (): Promise<boolean> => {
    const [rows] = await observer.query(
      "select 1 from information_schema.innodb_trx where trx_mysql_thread_id = ? and trx_state = 'LOCK WAIT'",
      [other.threadId],
    );
    return (rows as unknown[]).length > 0;
  };
  try {
    await manager.query('update contended set value = value + 1 where id = 1');
    await other.beginTransaction();
    await other.query('update contended set value = value + 1 where id > 1');
    const waiting = other.query('update contended set value = value + 1 where id = 1');
    await until('the other transaction waits for ours', otherWaits, ASKED_SLOWLY);
    const error = await manager.query('update contended set value = value + 1 where id = 2').then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await waiting;
    await other.rollback();
    return error;
  } finally {
    await Promise.all([other.end(), observer.end()]);
  }
}
