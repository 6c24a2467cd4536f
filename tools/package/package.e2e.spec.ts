import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, normalize } from 'node:path';
import { findMariaDb, freePort, testDatabase } from '@tallystick/services';
import { lines, packOutbox, root, run } from './tarball';

/**
 * The first hour of somebody who installs the library: the tarball is made as of a fresh clone, and put into new
 * applications outside of the workspace, by the commands of the READMEs. Versions are those of one day.
 */
const AS_OF = '2026-11-28';
const READMES = ['README.md', 'README.zh-CN.md', 'libs/outbox/README.md'];
const STARTERS = ['nest-11', 'nest-12'];

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tallystick-package-'));
  tarball = await packOutbox(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Types commands that install something, as of a day, so that they mean the same tomorrow. */
async function install(commands: string, cwd: string): Promise<void> {
  const env = { npm_config_before: AS_OF, npm_config_prefer_offline: 'true', npm_config_audit: 'false' };
  await run('bash', ['-euc', commands], { cwd, env }).catch((error: Error) => {
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ENOTCACHED/.test(error.message)) throw error;
    throw new Error(
      `This test installs packages from the npm registry, which cannot be reached from here. Run it with a network ` +
        `once (npm keeps what it fetched), or leave it out: --testPathIgnorePatterns tools/package\n${error.message}`,
    );
  });
}

/** The commands of the block that begins with this comment. */
async function commandsIn(readme: string, heading: string): Promise<string> {
  const blocks = (await readFile(join(root, readme), 'utf8')).matchAll(/^```sh\n([\s\S]*?)^```/gm);
  const found = [...blocks].map(([, code]) => code!).find((code) => code.startsWith(heading));
  if (!found) throw new Error(`${readme} has no block of commands that begins with "${heading}"`);
  return found.replaceAll(/ *#.*/g, '').trim();
}

describe('the package', () => {
  it('holds what was built, its sources, a README and the licence, and nothing else', async () => {
    const files = lines(await run('tar', ['-tzf', tarball], { cwd: folder })).map((file) =>
      file.slice('package/'.length),
    );
    const built = /^dist\/.+\.(js|d\.ts)(\.map)?$/;
    const source = /^src\/.+(?<!\.(spec|fixture))\.ts$/;
    expect(files.filter((file) => !built.test(file) && !source.test(file)).sort()).toEqual([
      'LICENSE',
      'README.md',
      'package.json',
    ]);
    // Nothing is left of a file that is gone, and every map leads somewhere.
    const fromSource = files
      .filter((file) => source.test(file))
      .map((file) => file.slice('src/'.length, -'.ts'.length));
    const fromBuild = files
      .filter((file) => file.endsWith('.js'))
      .map((file) => file.slice('dist/'.length, -'.js'.length));
    expect(fromBuild.sort()).toEqual(fromSource.sort());
    await run('tar', ['-xzf', tarball], { cwd: folder });
    for (const file of files.filter((name) => name.endsWith('.map'))) {
      const { sources } = JSON.parse(await readFile(join(folder, 'package', file), 'utf8')) as { sources: string[] };
      for (const each of sources) expect(files).toContain(normalize(join(file, '..', each)));
    }
  });

  it.each([
    ['publint', ['publint', 'src/cli.js'], ['--strict']],
    ['are the types wrong?', ['@arethetypeswrong/cli', 'dist/index.js'], ['--no-emoji', '--no-color']],
  ])('pleases %s', async (_, [name, file], flags) => {
    const program = join(root, 'node_modules', name!, file!);
    await run(process.execPath, [program, tarball, ...flags], { cwd: folder });
  });
});

describe('a new application', () => {
  const installLines = (readme: string, starter: string): Promise<string> =>
    commandsIn(readme, `# NestJS ${starter.slice('nest-'.length)}`);

  /** What the READMEs call `./entities`: a reader has such a file already. */
  const ENTITIES = `
    import { Column, Entity, PrimaryColumn } from 'typeorm';
    @Entity() export class Account { @PrimaryColumn('uuid') userId!: string; @Column('bigint') balance!: number }
    @Entity() export class Stock { @PrimaryColumn() sku!: string; @Column('integer') left!: number }
  `;

  async function create(starter: string): Promise<void> {
    const app = join(folder, starter);
    const source = join(app, 'src');
    await mkdir(source, { recursive: true });
    await cp(join(__dirname, 'starters', starter), app, { recursive: true });
    await cp(join(__dirname, 'starters', 'both'), source, { recursive: true });
    await writeFile(join(source, 'entities.ts'), ENTITIES);
    for (const readme of READMES) {
      const blocks = (await readFile(join(root, readme), 'utf8')).matchAll(/^```ts\n([\s\S]*?)^```/gm);
      for (const [index, [, code]] of [...blocks].entries()) {
        const name = `${readme.replaceAll(/\W/g, '_')}_${index}.ts`;
        await writeFile(join(source, name), code!.replace("'./entities'", "'./entities.js'"));
      }
    }
    const commands = `npm install\n${await installLines('libs/outbox/README.md', starter)}`;
    await install(commands, app);
  }

  beforeAll(async () => {
    await Promise.all(STARTERS.map(create));
  }, 300_000);

  it.each(STARTERS)('of %s is told the same commands by every README', async (starter) => {
    const told = await Promise.all(READMES.map((readme) => installLines(readme, starter)));
    expect(told).toEqual([told[0], told[0], told[0]]);
  });

  it.each(STARTERS)('of %s compiles what the READMEs show, boots, and gets verdict and refund', async (starter) => {
    const app = join(folder, starter);
    await run('npm', ['run', 'build'], { cwd: app });
    const env = { DATABASE_URL: await testDatabase('starter'), SHOP: `127.0.0.1:${await freePort()}` };
    const said = await run(process.execPath, ['dist/main.js'], { cwd: app, env });
    expect(JSON.parse(lines(said).at(-1)!)).toEqual({ verdicts: ['accepted', 'rejected'], refunds: ['moonstone'] });
  });

  it.each(STARTERS)('of %s runs a test with the harness', async (starter) => {
    await run('npm', ['test'], { cwd: join(folder, starter) });
  });

  it('keeps its tables in MariaDB, and has no pg then', async () => {
    const app = join(folder, 'nest-11-mariadb');
    await run('cp', ['-a', join(folder, 'nest-11'), app], { cwd: folder });
    await install('npm remove pg\nnpm install mysql2@3', app);
    expect(existsSync(join(app, 'node_modules', 'pg'))).toBe(false);
    const server = await findMariaDb({ install: true });
    const env = { DATABASE_URL: await server.createDatabase(), SHOP: `127.0.0.1:${await freePort()}` };
    try {
      await run('npm', ['run', 'build'], { cwd: app });
      const said = await run(process.execPath, ['dist/main.js'], { cwd: app, env });
      expect(JSON.parse(lines(said).at(-1)!)).toEqual({ verdicts: ['accepted', 'rejected'], refunds: ['moonstone'] });
    } finally {
      await server.dropDatabase(env.DATABASE_URL);
      await server.stop();
    }
  });

  it('with the older way to resolve modules finds the types of ./testing', async () => {
    const app = join(folder, 'nest-11');
    const flags = ['--module', 'commonjs', '--moduleResolution', 'node10', '--target', 'es2023', '--strict'];
    const types = ['--types', 'jest,node', '--skipLibCheck', '--experimentalDecorators', '--noEmit'];
    await run('npx', ['tsc', ...flags, ...types, 'src/purchase.spec.ts'], { cwd: app });
  });

  it('with TypeORM 0.3 does not boot, and is told what it needs', async () => {
    const app = join(folder, 'nest-11');
    const env = { DATABASE_URL: await testDatabase('starter'), SHOP: `127.0.0.1:${await freePort()}` };
    await run('npm', ['install', 'typeorm@0.3.27', '--legacy-peer-deps', '--prefer-offline', '--no-audit'], {
      cwd: app,
    });
    const boot = run(process.execPath, ['dist/main.js'], { cwd: app, env });
    await expect(boot).rejects.toThrow('TypeORM 0.3.27 is installed; Tallystick needs 1.1 or later');
  });
});

describe('the examples', () => {
  const EXAMPLES = readdirSync(join(root, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'examples', entry.name, 'main.ts')))
    .map(({ name }) => name);
  const examples = (): string => join(folder, 'examples');

  beforeAll(async () => {
    const mine = /(^|\/)(node_modules|dist|package-lock\.json)$/; // of whoever tried them by hand
    await cp(join(root, 'examples'), examples(), { recursive: true, filter: (path) => !mine.test(path) });
    await cp(tarball, join(folder, basename(tarball)));
    const commands = await commandsIn('examples/README.md', '# in the folder above');
    await install(lines(commands).slice(0, -1).join('\n'), examples()); // the last one runs the first of them
  }, 300_000);

  it('are all in the list', async () => {
    const listed = (await readFile(join(examples(), 'README.md'), 'utf8')).matchAll(/^\| \[([\w-]+)\]/gm);
    expect([...listed].map(([, name]) => name).sort()).toEqual([...EXAMPLES].sort());
  });

  it.each(EXAMPLES)('%s ends by itself, and what it claims is so', async (name) => {
    const env = { DATABASE_URL: await testDatabase('example') };
    await run(process.execPath, [join('dist', name, 'main.js')], { cwd: examples(), env });
  });
});
