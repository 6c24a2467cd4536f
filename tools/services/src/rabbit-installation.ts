import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { installPackage } from './debian-install';

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

/** Installs Debian's package without letting it start its service. */
export async function installRabbit(onProgress: (line: string) => void = () => {}): Promise<void> {
  onProgress('RabbitMQ: not installed, running "apt-get install rabbitmq-server"');
  await installPackage('rabbitmq-server');
}
