import { accessSync, constants, existsSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { execFile } from './processes';

/**
 * The `rabbitmq-server` script of the RabbitMQ in RABBITMQ_HOME, else of an installed one, or undefined.
 * Not Debian's in /usr/sbin: that one switches to the user `rabbitmq` and works on the system's directories.
 * @throws Error if RABBITMQ_HOME has none: another version than the wanted one would be worse than no broker
 */
export function rabbitInstalled(): string | undefined {
  const home = process.env.RABBITMQ_HOME;
  if (home) {
    const script = [join(home, 'sbin'), join(home, 'bin'), home].map(serverIn).find(isServerScript);
    if (script === undefined) throw new Error(`RABBITMQ_HOME is ${home}, but there is no rabbitmq-server in it.`);
    return script;
  }
  const folders = [
    '/usr/lib/rabbitmq/bin', // Debian, Ubuntu, Fedora
    '/opt/rabbitmq/sbin', // the generic build, as in the official image
    '/opt/homebrew/opt/rabbitmq/sbin', // macOS
    '/usr/local/opt/rabbitmq/sbin',
    '/home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin',
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  return folders.map(serverIn).find(isServerScript);
}

function serverIn(folder: string): string {
  return join(folder, 'rabbitmq-server');
}

function isServerScript(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return basename(realpathSync(path)) !== 'rabbitmq-script-wrapper' && !path.startsWith('/usr/sbin/');
  } catch {
    return false;
  }
}

/** Root on Debian or one of its children. */
export function canInstallRabbit(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/** Installs Debian's package without letting it start its service. */
export async function installRabbit(onProgress: (line: string) => void = () => {}): Promise<void> {
  onProgress('RabbitMQ: not installed, running "apt-get install rabbitmq-server"');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (): Promise<unknown> =>
    execFile('apt-get', ['install', '-y', '--no-install-recommends', 'rabbitmq-server'], { env, maxBuffer: 2 ** 26 });
  await withoutServices(async () => {
    try {
      await install();
    } catch {
      await execFile('apt-get', ['update'], { env, maxBuffer: 2 ** 26 }); // fresh images know no package at all
      await install();
    }
  });
}

/** Debian asks this program before a package starts a service; 101 means no. */
const POLICY = '/usr/sbin/policy-rc.d';

async function withoutServices(work: () => Promise<void>): Promise<void> {
  const saved = `${POLICY}.tallystick`;
  const hadOne = existsSync(POLICY);
  if (hadOne) renameSync(POLICY, saved);
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    if (hadOne) renameSync(saved, POLICY);
    else rmSync(POLICY);
  }
}
