import { OutboxMessage } from '@tallystick/outbox';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsNotIn, IsOptional, IsString, IsUUID, Min, ValidateNested } from 'class-validator';
import { rigSettings } from './settings';

/** Beside `rig-consumer`, where the producer is told an address of it. */
export const ELSEWHERE = 'rig-elsewhere';

/** What is to happen to a message: its fate, written into its payload. Nothing given: it is accepted at once. */
export class Script {
  /** The consumer says no, for good, with this code. */
  @IsOptional()
  @IsString()
  reject?: string;

  /** The handler throws so many times, then works. */
  @IsOptional()
  @IsInt()
  @Min(0)
  failTimes?: number;

  /** `@OnAccepted` throws so many times, then works. */
  @IsOptional()
  @IsInt()
  @Min(0)
  acceptFailTimes?: number;

  /** `@Compensate` throws so many times, then works. */
  @IsOptional()
  @IsInt()
  @Min(0)
  compensateFailTimes?: number;

  /** The handler takes so long, inside its transaction. */
  @IsOptional()
  @IsInt()
  @Min(0)
  delayMs?: number;

  /** The consumer has no handler for its type, or a stricter idea of its payload than the producer. */
  @IsOptional()
  @IsIn(['unknown-type', 'invalid-payload'])
  poison?: 'unknown-type' | 'invalid-payload';

  /** The producer does nothing about its verdict, so that receipts of this kind are applied in batches. */
  @IsOptional()
  @IsBoolean()
  noFollowUp?: boolean;

  /** One after another, by account; also with `noFollowUp`. */
  @IsOptional()
  @IsBoolean()
  inLine?: boolean;

  /** It is for somebody who is no consumer of ours, and is called directly. */
  @IsOptional()
  @IsBoolean()
  elsewhere?: boolean;
}

/** The contract as the producer knows it. */
@OutboxMessage({ type: 'purchase.made', to: 'rig-consumer', key: 'accountId', deadline: rigSettings.deadline })
export class PurchaseMade {
  @IsUUID('loose')
  purchaseId!: string;

  @IsUUID('loose')
  accountId!: string;

  @IsInt()
  @Min(1)
  amount!: number;

  @ValidateNested()
  @Type(() => Script)
  script!: Script;
}

/** The same under a type that no consumer knows. */
@OutboxMessage({ type: 'purchase.unheard', to: 'rig-consumer', key: 'accountId', deadline: rigSettings.deadline })
export class PurchaseUnheard extends PurchaseMade {}

/** The same, to another service. */
@OutboxMessage({ type: 'purchase.elsewhere', to: ELSEWHERE, key: 'accountId', deadline: rigSettings.deadline })
export class PurchaseElsewhere extends PurchaseMade {}

/** The same under a type that nobody follows up. */
@OutboxMessage({ type: 'purchase.noted', to: 'rig-consumer', key: 'accountId', deadline: rigSettings.deadline })
export class PurchaseNoted extends PurchaseMade {}

/** The same, in order, followed up and not. */
@OutboxMessage({
  type: 'purchase.in-line',
  to: 'rig-consumer',
  key: 'accountId',
  ordered: true,
  deadline: rigSettings.deadline,
})
export class PurchaseInLine extends PurchaseMade {}
@OutboxMessage({
  type: 'purchase.noted-in-line',
  to: 'rig-consumer',
  key: 'accountId',
  ordered: true,
  deadline: rigSettings.deadline,
})
export class PurchaseNotedInLine extends PurchaseMade {}

class AcceptableScript extends Script {
  @IsOptional()
  @IsNotIn(process.env.RIG_TAKES_ANY_PAYLOAD === 'true' ? [] : ['invalid-payload'])
  override poison?: 'unknown-type' | 'invalid-payload';
}

/** The contract of the same type as the consumer knows it: a little stricter, as happens between two releases. */
@OutboxMessage({ type: 'purchase.made', to: 'rig-consumer' })
export class OrderWanted extends PurchaseMade {
  @ValidateNested()
  @Type(() => AcceptableScript)
  override script!: AcceptableScript;
}

@OutboxMessage({ type: 'purchase.noted', to: 'rig-consumer' })
export class OrderNoted extends OrderWanted {}

@OutboxMessage({ type: 'purchase.in-line', to: 'rig-consumer' })
export class OrderInLine extends OrderWanted {}
@OutboxMessage({ type: 'purchase.noted-in-line', to: 'rig-consumer' })
export class OrderNotedInLine extends OrderWanted {}

/** What the consumer only listens to. Nobody of the rig says it. */
@OutboxMessage({ type: 'purchase.announced', listeners: 'optional' })
export class PurchaseAnnounced extends OrderWanted {}
