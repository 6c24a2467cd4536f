// The public API is this page.
export { RedisBarrier, type RedisBarrierOptions, type RedisClient, type RedisEffect } from './barriers/redis-barrier';
export { barrierSql, TypeOrmBarrier, type TypeOrmBarrierOptions } from './barriers/typeorm-barrier';
export { TransactionChecker } from './checker.decorator';
export type { CheckAnswer } from './decision';
export {
  HalfMessageInTransactionError,
  HalfMessageNotStoredError,
  HalfMessageRuledOutError,
  InvalidHalfMessageOptionsError,
} from './errors';
export type { HalfMessage } from './half-message';
export { HalfMessageModule } from './half-message.module';
export { HalfMessages } from './half-messages';
export type { HalfMessageOptions } from './options';
