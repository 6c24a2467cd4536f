import { MissingDependencyError, mariadb, OutboxClient, OutboxModule, postgres, rabbitMq } from '../..';

jest.mock('pg', () => {
  throw new Error("Cannot find module 'pg'");
});

const source = (type: string): never => ({ options: { type } }) as never;

it('is not missed by who keeps his tables in MariaDB', async () => {
  const transport = rabbitMq({ url: 'amqp://localhost' });
  expect(OutboxModule.forRoot({ service: 'shop', transport, store: mariadb() })).toBeDefined();
  const store = mariadb().create({ source: source('mariadb'), tables: {}, poolSize: 1 });
  await store.end();
});

it('says which package to install when pg is missing, before anything connects', () => {
  const create = (): unknown => postgres().create({ source: source('postgres'), tables: {}, poolSize: 1 });
  expect(create).toThrow(MissingDependencyError);
  expect(create).toThrow('npm install pg');
});

it('says so of OutboxClient as well', () => {
  expect(() => new OutboxClient()).toThrow('npm install pg');
});
