// For tests and proofs: time, chance, a database and a broker in memory, and the whole library on top of them.
export { type Fate, type FaultPlan, fates, type Passage } from '../adapters/memory/fates';
export { membersOf } from '../adapters/rabbitmq/bundle';
export { MemoryBroker } from '../adapters/memory/memory-broker';
export { type Interference, type MemoryClient, MemoryDatabase, type Moment } from '../adapters/memory/memory-database';
export { MemoryDatabaseError } from '../adapters/memory/memory-database-error';
export { MemoryStore } from '../adapters/memory/memory-store';
export { type DeliveryRow, type InboxMessageRow, OutboxTables } from '../adapters/memory/memory-tables';
export type { MemoryTransaction } from '../adapters/memory/memory-transaction';
export { MemoryTransactions } from '../adapters/memory/memory-transactions';
export { memory, MemoryTransport } from '../adapters/memory/memory-transport';
export { SeededRandom } from '../adapters/memory/seeded-random';
export { VirtualClock } from '../adapters/memory/virtual-clock';
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
export { resolveOptions } from '../outbox.options';
export { OutboxRuntime } from '../outbox.runtime';
export { type Codec, PLAIN, signedCodec } from '../message/codec';
export type { Clock, Random } from '../ports/clock';
export type { BatchHandler, BoundFollowUp, BoundHandler, HandlerRegistry, SingleHandler } from '../ports/handlers';
export type { Monitor } from '../ports/monitor';
