import { poolTestDatabases, testDatabase } from '@tallystick/services';
import { Client } from 'pg';

poolTestDatabases();

/** What this project is for, proved for every file of it: its databases are behind a pooler that shares sessions. */
beforeAll(async () => {
  const url = await testDatabase('pooled');
  const clients = await Promise.all([1, 2, 3].map(() => connect(url)));
  const backends: unknown[] = [];
  for (const client of clients) backends.push((await client.query('select pg_backend_pid()')).rows[0]);
  await Promise.all(clients.map((client) => client.end()));
  expect(backends).toEqual([backends[0], backends[0], backends[0]]);
});

async function connect(url: string): Promise<Client> {
  const client = new Client(url);
  await client.connect();
  return client;
}
