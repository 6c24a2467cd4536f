import { Client, escapeIdentifier } from 'pg';
import { uniqueName } from './names';

/** Creates and drops databases of a server it knows by url. */
export class PostgresDatabases {
  /** @param adminUrl of any existing database of the server, with the right to create others */
  constructor(private readonly adminUrl: string) {}

  url(database: string): string {
    const url = new URL(this.adminUrl);
    url.pathname = `/${encodeURIComponent(database)}`;
    return url.href;
  }

  /**
   * @param name default: unique
   * @param template database to copy (nobody may be connected to it), with its tables and rows
   */
  async create(name = uniqueName('db'), template?: string): Promise<string> {
    const copied = template === undefined ? '' : ` template ${escapeIdentifier(databaseName(template))}`;
    await this.execute(`create database ${escapeIdentifier(name)}${copied}`);
    return this.url(name);
  }

  /** Ends the connections to the database first; one that does not exist is fine. */
  async drop(nameOrUrl: string): Promise<void> {
    await this.execute(`drop database if exists ${escapeIdentifier(databaseName(nameOrUrl))} with (force)`);
  }

  private async execute(statement: string): Promise<void> {
    const client = new Client({ connectionString: this.adminUrl, application_name: 'tallystick-services' });
    client.on('error', () => {}); // the server may go away; the query then says so
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }
}

function databaseName(nameOrUrl: string): string {
  return nameOrUrl.includes('://') ? decodeURIComponent(new URL(nameOrUrl).pathname.slice(1)) : nameOrUrl;
}
