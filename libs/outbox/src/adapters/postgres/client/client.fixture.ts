import type { PoolConfig } from 'pg';
import { OutboxClient } from './outbox-client';

/** For `extra` of a DataSource: the client that this Jest project is for, `pg`'s own or ours. */
export function clientOfThisProject(): Pick<PoolConfig, 'Client'> {
  return process.env.TALLYSTICK_TEST_CLIENT === 'OutboxClient' ? { Client: OutboxClient } : {};
}
