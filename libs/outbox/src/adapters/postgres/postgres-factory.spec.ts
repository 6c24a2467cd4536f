import { InvalidOptionsError } from '../../errors';
import { postgres, type PostgresOptions } from './postgres-factory';

describe('postgres()', () => {
  it.each([
    [{ namedStatement: false }, "postgres(): unknown option 'namedStatement'. Did you mean 'namedStatements'?"],
    [{ namedStatements: 'no' }, 'postgres(): namedStatements "no" must be true or false'],
  ])('refuses %j', (options, problem) => {
    expect(() => postgres(options as PostgresOptions)).toThrow(new InvalidOptionsError([problem]));
  });

  it('asks nothing of the database when it makes a store, so that an application can be built without one', async () => {
    const source = postgres().sourceOf('postgres://nobody@127.0.0.1:1/nothing');
    await postgres()
      .create({ source, tables: { prefix: 'shop_' }, poolSize: 1 })
      .end();
  });
});
