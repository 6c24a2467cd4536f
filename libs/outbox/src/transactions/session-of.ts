import type { QueryRunner } from 'typeorm';
import type { Session } from './dialect';

/** The driver's connection that the query runner works on, or is given now. */
export async function sessionOf(runner: QueryRunner): Promise<Session> {
  return (await runner.connect()) as Session;
}
