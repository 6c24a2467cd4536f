import { DataSource } from 'typeorm';
import { poolFrom, PostgresStore } from '../adapters/postgres';
import type { DeliveryKey } from '../message/delivery';
import { contend } from './contention.fixture';

/** What the process is sent in each round; its answer is what it did. */
export type Rows = readonly DeliveryKey[];

/** This file is the program of a process that `contention.int.spec.ts` of PostgreSQL starts. */
async function connected(url: string) {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  const pool = poolFrom(dataSource, { max: 8 });
  const stop = async (): Promise<void> => {
    await pool.end();
    await dataSource.destroy();
  };
  return { store: new PostgresStore({ pool }), stop };
}

const contender = connected(process.argv[1]!);
process.on('message', (keys) => {
  void contender.then(({ store }) => contend(store, keys as Rows)).then((done) => process.send!(done));
});
process.on('disconnect', () => {
  void contender.then(({ stop }) => stop());
});
