import { DataSource } from 'typeorm';
import { InvalidOptionsError } from '../../errors';
import { mariadb } from './mariadb-factory';

const DEPS = { tables: {}, poolSize: 1 };

describe('mariadb()', () => {
  it.each(['mariadb', 'mysql'] as const)(
    "takes a DataSource of TypeORM's type %s, and asks its database nothing yet",
    async (type) => {
      const source = new DataSource({ type, url: 'mysql://nobody@localhost:1/nowhere' });
      const store = mariadb().create({ ...DEPS, source });
      await store.end();
      await store.end();
    },
  );

  it('refuses a DataSource of another database', () => {
    const source = new DataSource({ type: 'postgres', url: 'postgresql://nobody@localhost:1/nowhere' });
    expect(() => mariadb().create({ ...DEPS, source })).toThrow(InvalidOptionsError);
    expect(() => mariadb().create({ ...DEPS, source })).toThrow(/'postgres'.*'mariadb' or 'mysql'/);
  });

  it('refuses a charset in which a payload would not arrive as it is', () => {
    const source = new DataSource({ type: 'mariadb', url: 'mysql://nobody@localhost:1/nowhere', charset: 'latin1' });
    expect(() => mariadb().create({ ...DEPS, source })).toThrow(/charset is 'latin1'/);
  });

  it.each(['we`re', 'billing-', '1st', 'x'.repeat(41)])(
    'refuses names that are not on the allow-list: %s',
    (prefix) => {
      const source = mariadb().sourceOf('mysql://nobody@localhost:1/nowhere');
      expect(() => mariadb().create({ ...DEPS, source, tables: { prefix } })).toThrow(InvalidOptionsError);
    },
  );
});
