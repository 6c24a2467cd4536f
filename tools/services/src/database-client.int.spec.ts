import { Cleanup, connectDatabase, connectTestPostgres, marks, startMariaDb } from './index';

describe.each(['postgres', 'mariadb'] as const)('connectDatabase: a %s', (kind) => {
  const cleanup = new Cleanup();
  let url: string;

  beforeAll(async () => {
    if (kind === 'postgres') {
      const server = connectTestPostgres();
      url = await server.createDatabase();
      cleanup.defer(() => server.dropDatabase(url));
    } else {
      url = await cleanup.stopLater(await startMariaDb({ install: true })).createDatabase();
    }
  });
  afterAll(() => cleanup.run());

  it('is told by its url, asked in the same words, and answers alike', async () => {
    const client = await connectDatabase(url);
    try {
      expect(client.kind).toBe(kind);
      await client.ask('create table note (id integer, text varchar(20), large bigint)');
      expect(
        await client.ask('insert into note values (?, ?, ?), (2, ?, 0)', [1, "it's", '9007199254740993', 'b']),
      ).toEqual([]);
      const ids = [1, 2, 3];
      expect(await client.ask(`select * from note where id in (${marks(ids)}) order by id`, ids)).toEqual([
        { id: 1, text: "it's", large: '9007199254740993' },
        { id: 2, text: 'b', large: '0' },
      ]);
      expect(await client.ask(`select * from note where id in (${marks([])})`)).toEqual([]);
    } finally {
      await client.end();
    }
  });

  it('shows one moment, whatever others commit meanwhile', async () => {
    const [reader, writer] = [await connectDatabase(url), await connectDatabase(url)];
    try {
      await writer.ask('create table moment (id integer)');
      const seen = await reader.atOneMoment(async (ask) => {
        const before = await ask('select id from moment');
        await writer.ask('insert into moment values (1)');
        return [before, await ask('select id from moment')];
      });
      expect(seen).toEqual([[], []]);
      expect(await reader.ask('select id from moment')).toEqual([{ id: 1 }]);
    } finally {
      await Promise.all([reader.end(), writer.end()]);
    }
  });
});
