import type { Consumer } from '../business/sides';
import { GraphileOrders, GraphileSeller } from './graphile-worker';
import type { PeerSideOptions, Seller } from './peer';
import { PgBossOrders, PgBossSeller } from './pg-boss';
import { TransactionalOutboxOrders, TransactionalOutboxSeller } from './pg-transactional-outbox';

export interface Peer {
  readonly seller: new (options: PeerSideOptions) => Seller;
  readonly orders: new (options: PeerSideOptions) => Consumer;
}

/** What else one may take for it, by the name of its package. */
export const PEERS = {
  'pg-transactional-outbox': { seller: TransactionalOutboxSeller, orders: TransactionalOutboxOrders },
  'pg-boss': { seller: PgBossSeller, orders: PgBossOrders },
  'graphile-worker': { seller: GraphileSeller, orders: GraphileOrders },
} satisfies Record<string, Peer>;

export type PeerName = keyof typeof PEERS;
