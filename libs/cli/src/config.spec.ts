import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from './config';
import { runTallystick } from './terminal.fixture';

describe('the configuration of a command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tallystick-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (text: string): string => {
    const path = join(folder, 'tallystick.json');
    writeFileSync(path, text);
    return path;
  };

  it('is the environment, and below it the file that is named', () => {
    const path = file('{ "databaseUrl": "postgres://file", "service": "of-the-file" }');
    const env = { DATABASE_URL: 'postgres://env' };
    const both = { DATABASE_URL: 'postgres://env', TALLYSTICK_SERVICE: 'of-the-file' };
    expect(environment(['status', '--config', path], env)).toEqual(both);
    expect(environment([`--config=${path}`], env)).toEqual(both);
    expect(environment([], { ...env, TALLYSTICK_CONFIG: path })).toMatchObject(both);
    expect(environment([], env)).toEqual(env);
  });

  it.each([
    ['{ "databaseURL": "x" }', /has "databaseURL"; there are databaseUrl, amqpUrl/],
    ['{ "service": 5 }', /has a "service" that is no text/],
    ['["x"]', /is no JSON object/],
    ['{ "databaseUrl": "postgres://user:geheim@host', /is no JSON\.$/],
  ])('says what is wrong with %s', async (text, says) => {
    const { code, said } = await runTallystick(['status', '--config', file(text)]);
    expect(code).toBe(2);
    expect(said).toMatch(says);
    expect(said).not.toContain('geheim');
  });

  it('must be there if it is named', async () => {
    const { code, said } = await runTallystick(['status', '--config', join(folder, 'nowhere.json')]);
    expect({ code, said }).toEqual({ code: 2, said: expect.stringMatching(/nowhere\.json cannot be read\.$/) });
  });
});
