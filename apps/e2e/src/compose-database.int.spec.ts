import { randomBytes } from 'node:crypto';
import { Cleanup, connectTestPostgres } from '@tallystick/services';
import { compose, exampleEnvironment } from './compose';
import { query } from './query';

describe('the database role of docker-compose.yml', () => {
  const cleanup = new Cleanup();
  afterAll(() => cleanup.run(), 60_000);

  it('owns its own database and cannot touch others, nor make roles', async () => {
    const superuser = connectTestPostgres().url();
    const role = `compose_${randomBytes(5).toString('hex')}`;
    cleanup.defer(async () => {
      await query(superuser, `drop database if exists "${role}" with (force)`);
      await query(superuser, `drop role if exists "${role}"`);
    });
    for (const statement of asPsqlWould({ SERVICE_ROLE: role, SERVICE_PASSWORD: "it's" }))
      await query(superuser, statement);

    const own = Object.assign(new URL(superuser), { username: role, password: "it's", pathname: `/${role}` }).href;
    await query(own, 'create table mine (id int); drop table mine');
    await expect(query(own, 'create role another')).rejects.toThrow('permission denied');
    await expect(query(own, 'create database another')).rejects.toThrow('permission denied');
    const [{ allowed }] = (await query(
      superuser,
      `select has_database_privilege('public', '${role}', 'connect') as allowed`,
    )) as [{ allowed: boolean }];
    expect(allowed).toBe(false);
  });
});

/** The script's statements with its variables filled in. Knows the two forms that it uses. */
function asPsqlWould(environment: Readonly<Record<string, string>>): string[] {
  const script = compose(exampleEnvironment()).configs['service-role']!.content;
  const variables = new Map<string, string>();
  const statements: string[] = [];
  for (const line of script.split('\n').filter(Boolean)) {
    const [, name, from] = /^\\getenv (\w+) (\w+)$/.exec(line) ?? [];
    if (name !== undefined) variables.set(name, environment[from!]!);
    else
      statements.push(
        line.replaceAll(/:(["'])(\w+)\1/g, (_, quote: string, variable: string) => {
          const value = variables.get(variable)!;
          return quote + value.replaceAll(quote, quote + quote) + quote;
        }),
      );
  }
  return statements;
}
