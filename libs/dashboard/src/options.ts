import type { IncomingMessage } from 'node:http';
import { InvalidOptionsError, type TableOptions } from '@tallystick/outbox';

/** What somebody may do here, and the name that the audit keeps. */
export type Access = false | 'read' | 'operate' | { readonly may: 'read' | 'operate'; readonly name: string };

export interface DashboardOptions<Request = IncomingMessage> {
  /** Where it is mounted, exactly: a global prefix is not put before it. @default '/outbox' */
  readonly path?: string;
  /**
   * Asked for every request, that for a script and the stream included, with the request of Express or Fastify: who is it, and
   * what may they do? Without it the page answers on loopback only, and to nobody who came through a proxy.
   */
  authorize?(request: Request): Access | Promise<Access>;
  /** Shown beside the service, in red if it begins with "prod". @default NODE_ENV, or 'development' */
  readonly environment?: string;
  /**
   * Fields of payloads, results and headers that nobody sees here, by path: `customer.email`, `cards.*.number`; or `'everything'`. What
   * is hidden cannot be searched for either.
   * @default [] : everybody who may look sees payloads
   */
  readonly redact?: readonly string[] | 'everything';
  /**
   * Where the inboxes of consumers are, by their name: `{ 'order-service': 'postgres://…' }`, or `'mariadb://…'`, for a role that may select from
   * `inbox_message`. A message's page then shows the consumer's half. Its own database is always asked.
   */
  readonly inboxes?: Readonly<Record<string, string>>;
  /** As in `OutboxModule`. */
  readonly tables?: TableOptions;
  /** As in `OutboxModule`: the name of the DataSource that has the tables. */
  readonly dataSource?: string;
}

export interface Settings {
  readonly path: string;
  readonly authorize: ((request: never) => Access | Promise<Access>) | undefined;
  readonly environment: string;
  readonly redact: readonly string[] | 'everything';
  readonly inboxes: Readonly<Record<string, string>>;
  readonly tables: TableOptions;
}

const KNOWN = [
  'path',
  'authorize',
  'environment',
  'redact',
  'inboxes',
  'tables',
  'dataSource',
] satisfies (keyof DashboardOptions)[];
const PATH = /^(\/[A-Za-z0-9._~-]+)+$/;
const FIELD = /^[^.\s]+(\.[^.\s]+)*$/;

/** @throws InvalidOptionsError with everything that is wrong */
export function resolveOptions<Request>(options: DashboardOptions<Request>): Settings {
  const { path = '/outbox', authorize, redact = [], inboxes = {}, tables = {} } = options;
  const environment = options.environment ?? process.env.NODE_ENV ?? 'development';
  const problems = Object.keys(options)
    .filter((name) => !KNOWN.some((known) => known === name))
    .map((name) => `there is no option '${name}': ${KNOWN.join(', ')}`);
  if (!PATH.test(path))
    problems.push(`path ${JSON.stringify(path)} must begin with a / and not end with one, as '/outbox'`);
  if (authorize !== undefined && typeof authorize !== 'function')
    problems.push('authorize must be a function of the request');
  for (const field of redact === 'everything' ? [] : redact)
    if (typeof field !== 'string' || !FIELD.test(field))
      problems.push(`redact ${JSON.stringify(field)} is no path of a field, as 'customer.email' or 'cards.*.number'`);
  // Not the address: it has a password.
  for (const [name, url] of Object.entries(inboxes))
    if (typeof url !== 'string' || !/^(postgres(ql)?|mariadb|mysql):\/\//.test(url))
      problems.push(`inboxes: the address of '${name}' must begin with postgres:// or mariadb://`);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return { path, authorize: authorize as Settings['authorize'], environment, redact, inboxes, tables };
}
