import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import type { Random } from '../../ports/clock';

/** The chance of this machine: ids are UUIDv7 (RFC 9562), tokens are 122 random bits. */
export class SystemRandom implements Random {
  next(): number {
    return Math.random();
  }

  id(): string {
    return v7();
  }

  token(): string {
    return randomUUID();
  }
}
