import { runTallystick } from './terminal.fixture';

jest.mock('mysql2/promise', () => {
  throw new Error("Cannot find module 'mysql2/promise'");
});

it.each([['status'], ['inbox', 'list'], ['doctor'], ['migrate']])(
  'says which package to install when mysql2 is missing: %s',
  async (...command) => {
    const { code, said } = await runTallystick([...command, '--database-url', 'mariadb://nobody@localhost:1/nowhere']);
    expect(code).not.toBe(0);
    expect(said).toContain('A database of MariaDB needs mysql2, which could not be loaded. Run: npm install mysql2@3');
  },
);
