import type { Pool } from 'pg';
import type { Purchase } from '../business/purchase';

/** Both services run as processes of their own. Purchases begin in user-service; so do transactions that need a coordinator. */
export type Side = 'user' | 'order';

/** What a service of any protocol is given. */
export interface ServiceContext {
  readonly side: Side;
  /** Its own, and nobody else's. */
  readonly database: Pool;
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  /** Where it may listen for calls of the other service. */
  readonly port: number;
  /** Where the other one listens. */
  readonly peerUrl: string;
  /** Rules that are switched off, to see what they are good for. */
  readonly without: ReadonlySet<string>;
  /** Here the process may be killed, stopped, or held up. Otherwise nothing happens. */
  step(name: string): Promise<void>;
  /** How a purchase ended is committed. Nobody waits for it: it is only measured. */
  settled(purchaseId: string): void;
}

export interface Stoppable {
  stop(): Promise<void>;
}

export type UserSide = (service: ServiceContext) => Promise<Purchase & Stoppable>;
export type OrderSide = (service: ServiceContext) => Promise<Stoppable>;
