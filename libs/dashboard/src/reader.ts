import type { TableOptions } from '@tallystick/outbox';
import type { DataSource } from 'typeorm';
import type { Looks, Rows } from './looks';
import { looksOfMariaDb } from './looks-of-mariadb';
import { elsewhereInMariaDb, rowsOfMariaDb } from './mariadb';
import { elsewhereInPostgres, looksOfPostgres, rowsOfPostgres } from './postgres';

/** Asks the service's own database, one statement at a time, so that whoever looks around takes one connection of its pool at most. */
export function looksAt(dataSource: DataSource, tables: TableOptions): Looks {
  return dataSource.options.type === 'postgres'
    ? looksOfPostgres(inTurn(rowsOfPostgres(dataSource)), tables)
    : looksOfMariaDb(inTurn(rowsOfMariaDb(dataSource)), tables);
}

/** Asks another database, by the scheme of its url. */
export function lookElsewhere<T>(url: string, tables: TableOptions, work: (looks: Looks) => Promise<T>): Promise<T> {
  return /^postgres/.test(url)
    ? elsewhereInPostgres(url, (rows) => work(looksOfPostgres(rows, tables)))
    : elsewhereInMariaDb(url, (rows) => work(looksOfMariaDb(rows, tables)));
}

function inTurn(rows: Rows): Rows {
  let last: Promise<unknown> = Promise.resolve();
  return <T extends object>(text: string, values?: readonly unknown[]) => {
    const asked = last.then(() => rows<T>(text, values));
    last = asked.catch(() => {});
    return asked;
  };
}
