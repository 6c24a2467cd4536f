import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const root = resolve(__dirname, '../..');

/**
 * The tarball as `npm pack` makes it of a fresh clone: from the files that git has or would have, without anything built.
 * Everything happens in `folder`, because the `dist` of this checkout is in use by other tests.
 * @returns its path
 */
export async function packOutbox(folder: string): Promise<string> {
  const clone = join(folder, 'tallystick');
  const listed = await run('git', ['ls-files', '-co', '--exclude-standard', '.'], { cwd: join(root, 'libs/outbox') });
  for (const file of ['package.json', 'tsconfig.base.json', ...lines(listed).map((name) => `libs/outbox/${name}`)]) {
    await mkdir(dirname(join(clone, file)), { recursive: true });
    // A file that was deleted and not yet committed is listed, too.
    await cp(join(root, file), join(clone, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await symlink(join(root, 'node_modules'), join(clone, 'node_modules'));
  const said = await run('npm', ['pack', '-w', 'libs/outbox', '--silent'], { cwd: clone });
  return join(clone, lines(said).at(-1)!);
}

/** What a program printed. What it printed before it failed is in the error, where npm and tsc say what is wrong. */
export async function run(
  file: string,
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  const env = { ...outsideOfJestAndNpm(), ...options.env };
  const running = promisify(execFile)(file, args, { cwd: options.cwd, env, maxBuffer: 64 * 1024 * 1024 });
  return running.then(
    ({ stdout }) => stdout,
    (error: { message: string; stdout: string; stderr: string }) => {
      throw new Error(`${[file, ...args].join(' ')}\n${error.stdout}\n${error.stderr}`.trim());
    },
  );
}

export const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** `npm test` and Jest tell the programs they start who they are; these shall not know. */
function outsideOfJestAndNpm(): NodeJS.ProcessEnv {
  const theirs = /^(npm_package_|npm_lifecycle_|npm_config_local_prefix$|INIT_CWD$|JEST_WORKER_ID$|NODE_ENV$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !theirs.test(name)));
}
