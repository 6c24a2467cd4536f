import { MissingDependencyError } from '../../errors';
import { mariadb } from '.';

jest.mock('mysql2', () => {
  throw new Error("Cannot find module 'mysql2'");
});

it('says which package to install when mysql2 is missing, before anything connects', () => {
  const source = { options: { type: 'mariadb' } } as never;
  const create = (): unknown => mariadb().create({ source, tables: {}, poolSize: 1 });
  expect(create).toThrow(MissingDependencyError);
  expect(create).toThrow('npm install mysql2');
});
