import { type Connection, createConnection } from 'mysql2/promise';
import { uniqueName } from './names';

/** Creates and drops databases of a MariaDB or MySQL that it knows by url. */
export class MariaDbDatabases {
  /** @param adminUrl of a user that may create databases */
  constructor(private readonly adminUrl: string) {}

  url(database: string): string {
    const url = new URL(this.adminUrl);
    url.pathname = `/${encodeURIComponent(database)}`;
    return url.href;
  }

  /** @param name default: unique. @returns the url of the new database */
  async create(name = uniqueName('db')): Promise<string> {
    await this.execute(`create database ${quoted(name)} character set utf8mb4`);
    return this.url(name);
  }

  /** One that does not exist is fine. */
  async drop(nameOrUrl: string): Promise<void> {
    await this.execute(`drop database if exists ${quoted(databaseName(nameOrUrl))}`);
  }

  /** What the server calls itself, e.g. `10.11.19-MariaDB`. */
  async version(): Promise<string> {
    const [rows] = await this.use((connection) => connection.query('select version() as version'));
    return (rows as { version: string }[])[0]!.version;
  }

  private async execute(statement: string): Promise<void> {
    await this.use((connection) => connection.query(statement));
  }

  private async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const url = new URL(this.adminUrl);
    url.pathname = '';
    const connection = await createConnection({ uri: url.href });
    try {
      return await work(connection);
    } finally {
      await connection.end();
    }
  }
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function databaseName(nameOrUrl: string): string {
  return nameOrUrl.includes('://') ? decodeURIComponent(new URL(nameOrUrl).pathname.slice(1)) : nameOrUrl;
}
