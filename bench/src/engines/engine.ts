import { type Ask, connectDatabase } from '@tallystick/services';
import type { Statements } from './statements';

/** The kinds of database that the services can be measured on. */
export const ENGINES = ['postgres', 'mariadb'] as const;
export type Engine = (typeof ENGINES)[number];

/** What people call them. */
export const ENGINE_NAMES: Readonly<Record<Engine, string>> = { postgres: 'PostgreSQL', mariadb: 'MariaDB' };

export function engineOf(url: string): Engine {
  return url.startsWith('postgres') ? 'postgres' : 'mariadb';
}

/** The database server of a run: its own, or somebody's. */
export interface EngineServer {
  readonly engine: Engine;
  /** If it is ours. */
  readonly pid?: number | undefined;
  readonly statements: Statements;
  /** With what decides how fast a commit is. */
  readonly version: string;
  /** @returns the url of an empty database */
  create(name: string): Promise<string>;
  /** Whoever is connected to it. */
  drop(name: string): Promise<void>;
  /** What the server does by itself within a minute: a plan that is kept must not be one for empty tables. */
  analyze(databaseUrl: string): Promise<void>;
}

/** A connection of the benchmark's own, to either kind. */
export async function asking<T>(url: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const client = await connectDatabase(url, 'bench');
  try {
    return await work(client.ask);
  } finally {
    await client.end();
  }
}
