import type { TableOptions } from '@tallystick/outbox';
import type { AskDatabase, Engine } from './engine';
import { mariaDb } from './mariadb/engine';
import { postgreSql } from './postgres/engine';
import type { Questions } from './questions';

/** By the scheme of its url: whatever PostgreSQL's client understands is PostgreSQL. */
export function engineOf(url: string | undefined): Engine {
  return url !== undefined && /^(mariadb|mysql):/i.test(url) ? mariaDb : postgreSql;
}

/** A database to look at, and how to put what one wants to know. */
export interface ReadOnlyDatabase {
  readonly ask: AskDatabase;
  readonly questions: Questions;
}

/** Opens a connection for this. It can change nothing. */
export function readOnly<T>(
  url: string,
  purpose: string,
  tables: TableOptions,
  work: (database: ReadOnlyDatabase) => Promise<T>,
): Promise<T> {
  const engine = engineOf(url);
  return engine.readOnly(url, purpose, (ask) => work({ ask, questions: engine.questions(tables) }));
}

/** The checks of all of them, each once. */
export function checkNames(): string[] {
  return [...new Set([postgreSql, mariaDb].flatMap(({ checks }) => checks.map(({ name }) => name)))];
}
