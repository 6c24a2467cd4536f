import { type Connection, createConnection } from 'mysql2/promise';
import { loadMysql2, type Mysql2 } from './mysql2';
import type { Question } from './question';

/** Somebody else's session, for tests in which two transactions meet. */
export class OtherSession {
  private constructor(private readonly connection: Connection) {}

  static async open(url: string, isolation: 'read committed' | 'repeatable read'): Promise<OtherSession> {
    const connection = await createConnection({ uri: url });
    await connection.query(`set session transaction isolation level ${isolation}`);
    return new OtherSession(connection);
  }

  async ask({ text, values }: Question): Promise<Record<string, unknown>[]> {
    const [rows] = await this.connection.query(
      loadMysql2().format(text, [...values] as Parameters<Mysql2['format']>[1]),
    );
    return rows as Record<string, unknown>[];
  }

  async run(statement: string): Promise<Record<string, unknown>[]> {
    return this.ask({ name: 'test', text: statement, values: [] });
  }

  async close(): Promise<void> {
    await this.connection.end();
  }
}
