import { until } from '@tallystick/services';
import type { Pool } from 'pg';
import { type Sql, transaction } from '../service/database';
import type { Bench } from '../world/bench';
import type { Answer, Question } from './question';

const TABLES = `
  create table effect ();
  create table journal (id int);
  create table cache (id int primary key);
  create table inbox (id int primary key);
  create table purchase (id int primary key, status text not null, version int not null);
  insert into purchase values (1, 'pending', 0)`;

/** What happens between telling copies apart and doing the work. */
type Meanwhile = () => Promise<void>;

interface Way {
  readonly name: string;
  /** Effects that one message has in the end: [a copy later, two at once, dies in the middle and comes again]. */
  readonly expected: readonly [number, number, number];
  handle(database: Pool, meanwhile: Meanwhile): Promise<void>;
}

const effect = (tx: Sql): Promise<unknown> => tx.query('insert into effect default values');

/** If this statement changes nothing, the message was handled before. */
function guardedBy(statement: string): Way['handle'] {
  return (database, meanwhile) =>
    transaction(database, async (tx) => {
      if ((await tx.query(statement)).rowCount === 0) return;
      await meanwhile();
      await effect(tx);
    });
}

const WAYS: readonly Way[] = [
  {
    name: 'none',
    expected: [2, 2, 1],
    handle: (database, meanwhile) =>
      transaction(database, async (tx) => {
        await meanwhile();
        await effect(tx);
      }),
  },
  {
    name: 'select, then insert',
    expected: [1, 2, 1],
    handle: (database, meanwhile) =>
      transaction(database, async (tx) => {
        if ((await tx.query('select from journal where id = 1')).rowCount! > 0) return;
        await meanwhile();
        await effect(tx);
        await tx.query('insert into journal values (1)');
      }),
  },
  {
    name: 'a key somewhere else (Redis SETNX), then the work',
    expected: [1, 1, 0],
    async handle(database, meanwhile) {
      const first = await database.query('insert into cache values (1) on conflict do nothing'); // commits at once
      if (first.rowCount === 0) return;
      await transaction(database, async (tx) => {
        await meanwhile();
        await effect(tx);
      });
    },
  },
  {
    name: 'a unique key in the same transaction',
    expected: [1, 1, 1],
    handle: guardedBy('insert into inbox values (1) on conflict do nothing'),
  },
  {
    name: 'a state that may be left once',
    expected: [1, 1, 1],
    handle: guardedBy(`update purchase set status = 'paid' where id = 1 and status = 'pending'`),
  },
  {
    name: 'a version that must be the one before',
    expected: [1, 1, 1],
    handle: guardedBy('update purchase set version = 1 where id = 1 and version = 0'),
  },
];

/** A message comes twice. How often is the work done? */
export const duplicates: Question = {
  name: 'duplicates',
  title: 'How often is the work of one message done, if it comes twice?',
  async ask(bench) {
    const answers: Answer[] = [];
    for (const way of WAYS) {
      const counts = [
        await tried(bench, way, later),
        await tried(bench, way, atTheSameTime),
        await tried(bench, way, diesInBetween),
      ];
      const [copy, both, died] = counts.map(String);
      answers.push({
        row: {
          'what tells copies apart': way.name,
          'a copy comes later': copy!,
          'two come at the same time': both!,
          'dies in between, comes again': died!,
        },
        asExpected: counts.every((count, index) => count === way.expected[index]),
      });
    }
    return answers;
  },
};

type Situation = (way: Way, database: Pool) => Promise<void>;
const nothing: Meanwhile = async () => {};

async function tried(bench: Bench, way: Way, situation: Situation): Promise<number> {
  const database = await bench.database(TABLES);
  await situation(way, database);
  return (await database.query('select from effect')).rowCount!;
}

const later: Situation = async (way, database) => {
  await way.handle(database, nothing);
  await way.handle(database, nothing);
};

/** The second one comes when the first has looked and has not done the work yet; it ends, or waits for the first. */
const atTheSameTime: Situation = async (way, database) => {
  let goOn!: () => void;
  const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
  let looked!: () => void;
  const hasLooked = new Promise<void>((resolve) => (looked = resolve));
  const first = way.handle(database, async () => {
    looked();
    await mayGoOn;
  });
  await hasLooked;
  let ended = false;
  const second = way.handle(database, nothing).then(() => (ended = true));
  await until('the second one has ended, or waits for the first', async () => ended || (await somebodyWaits(database)));
  goOn();
  await Promise.all([first, second]);
};

const diesInBetween: Situation = async (way, database) => {
  await way
    .handle(database, () => Promise.reject(new Error('dead')))
    .catch((error: Error) => {
      if (error.message !== 'dead') throw error;
    });
  await way.handle(database, nothing);
};

async function somebodyWaits(database: Pool): Promise<boolean> {
  const { rowCount } = await database.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rowCount! > 0;
}
