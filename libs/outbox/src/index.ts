// The public API is this page.
export {
  OutboxClient,
  outboxMigrations,
  OUTBOX_MIGRATIONS,
  outboxSchemaSql,
  outboxTables,
  postgres,
  type PostgresOptions,
  type OutboxTables,
  type SchemaOptions,
  type TableOptions,
} from './adapters/postgres';
export {
  mariadb,
  mariaDbMigrations,
  mariaDbSchemaSql,
  type MariaDbSchemaOptions,
  type MariaDbTableNames,
  type MariaDbTableOptions,
  mariaDbTables,
} from './adapters/mariadb';
export { asyncApi, type AsyncApiOptions, type DescribedMessage } from './asyncapi/asyncapi';
export { rabbitMq, type RabbitMqOptions } from './adapters/rabbitmq';
export { direct, type DirectOptions } from './adapters/direct';
export {
  type BatchHandlerOptions,
  Compensate,
  type FollowUpContext,
  type MessageContext,
  MessageHandler,
  type MessageHandlerOptions,
  OnAccepted,
} from './discovery/decorators';
export {
  DeliveryParkedError,
  FilterTooBroadError,
  HandlersUnknownError,
  InvalidFilterError,
  InvalidHandlerError,
  InvalidMessageError,
  InvalidOptionsError,
  MessageAlreadyRecordedError,
  MessageRejected,
  MissingDependencyError,
  OperationRefusedError,
  OutboxError,
  SchemaMismatchError,
  SilentRollbackError,
  TopologyMismatchError,
  TransactionEndedError,
  TransactionRequiredError,
  UnknownDeliveryError,
  UnknownMessageError,
  VerdictTimeoutError,
  WriteOutsideTransactionError,
} from './errors';
export {
  type ContractClass,
  type FollowUp,
  messageTypeOf,
  OutboxMessage,
  type OutboxMessageOptions,
} from './message/contract';
export type { SigningKeys } from './message/codec';
export type { DeliveryKey, DeliveryState } from './message/delivery';
export type { Duration } from './message/duration';
export type { OutboxEvent, OutboxEventName } from './message/events';
export type { HistoryEntry, Occurrence } from './message/history';
export type { Reason, Verdict } from './message/receipt';
export { type DeliveryFilter, filterText, parseFilter } from './operations/filter';
export {
  OutboxHealth,
  type OutboxHealthIndication,
  type OutboxHealthReport,
  type OutboxWindow,
} from './operations/health';
export { LoggingMonitor as OutboxMonitor, type OnAlarm, type OnError } from './operations/monitor';
export { OutboxOperations } from './operations/operations';
export { OutboxPressure, type TooMuchPressure } from './operations/pressure';
export { OutboxPressureGuard, Sheddable } from './operations/pressure-guard';
export {
  OutboxModule,
  type OutboxModuleAsyncOptions,
  type OutboxModuleExtras,
  type OutboxOptionsFactory,
} from './outbox.module';
export type { OutboxModuleOptions, StoreFactory } from './outbox-options';
export { type AddOptions, type MessageStatus, Outbox } from './outbox/outbox';
export {
  recordedMessageId,
  TransactionalMessage,
  type TransactionalMessageOptions,
} from './outbox/transactional-message.decorator';

export { openOutbox, type PassiveOptions, type PassiveOutbox } from './passive';
export type { Instrument, Label, Labels } from './message/instruments';
export type { TraceContext } from './message/trace';
export type { Meter, Reading } from './ports/meter';
export type { Creation, Place, Tracing } from './ports/tracing';
export type { BulkJob, BulkOrder, BulkVerb, Refusal } from './ports/jobs';
export type { BulkWatch } from './operations/bulk';
export { pauseText, type Pause, type PauseTarget } from './message/pause';
export type { AuditRecord, DeliveryHistoryEntry, DeliveryRecord, OutboxStats } from './ports/store';
export type { TransportFactory } from './ports/transport';
export {
  type IsolationLevel,
  type Propagation,
  Transactional,
  type TransactionHost,
  type TransactionOptions,
  Transactions,
} from './transactions';
