// For tests and proofs: time, chance, a database and a broker in memory, and the whole library on top of them.
export { type Fate, type FaultPlan, fates, type Passage } from './memory/fates';
export { membersOf } from '../adapters/rabbitmq/bundle';
export { MemoryBroker } from './memory/memory-broker';
export { type Interference, type MemoryClient, MemoryDatabase, type Moment } from './memory/memory-database';
export type { MemoryTable, RowChange } from './memory/memory-table';
export { MemoryDatabaseError } from './memory/memory-database-error';
export { MemoryStore } from './memory/memory-store';
export { type DeliveryRow, type InboxMessageRow, OutboxTables } from './memory/memory-tables';
export type { MemoryTransaction } from './memory/memory-transaction';
export { MemoryTransactions } from './memory/memory-transactions';
export { memory, MemoryTransport } from './memory/memory-transport';
export { SeededRandom } from './memory/seeded-random';
export { VirtualClock } from './memory/virtual-clock';
export { OutboxHarness } from './harness';
export { HarnessFaults, type Travelling } from './harness-faults';
export {
  type Behaviour,
  compensate,
  type CrashStep,
  handle,
  handleBatch,
  HarnessService,
  type HarnessServiceOptions,
  onAccepted,
} from './harness-service';
export { type ContractCase, inboxStoreContract, outboxStoreContract, type StoreFixture } from './store-contract';
export { transportContract, type TransportContractCase, type TransportFixture } from './transport-contract';
export { resolveOptions } from '../outbox-options';
export { OutboxRuntime } from '../outbox-runtime';
export { type Codec, PLAIN, signedCodec } from '../message/codec';
export type { Clock, Random } from '../ports/clock';
export type { BatchHandler, BoundFollowUp, BoundHandler, HandlerRegistry, SingleHandler } from '../ports/handlers';
export type { Monitor } from '../ports/monitor';
