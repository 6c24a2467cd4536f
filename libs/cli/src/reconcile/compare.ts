import type { DeliveryState, Verdict } from '@tallystick/outbox';

/** What the producer's row says of one message to this consumer. */
export interface ProducerHalf {
  readonly id: string;
  readonly state: DeliveryState;
  readonly verdict: Verdict | null;
  /** To whoever listens: the producer does not ask what became of it. */
  readonly announced: boolean;
  /** So young that the consumer has not pruned its half yet. */
  readonly recent: boolean;
}

/** What the consumer's inbox says of it. */
export interface ConsumerHalf {
  readonly id: string;
  readonly verdict: Verdict;
  /** So young that the producer has not pruned its half yet. */
  readonly recent: boolean;
  /** Decided so long ago that the producer should have heard of it. */
  readonly due: boolean;
}

/** How two halves may differ. */
export type DifferenceKind =
  /** The producer was told a verdict that the consumer knows nothing of (any more). */
  | 'forgotten'
  /** The consumer decided, and the producer knows nothing of the message (any more). */
  | 'unknown'
  /** One says accepted, the other rejected. */
  | 'contradiction'
  /** The consumer decided, and the producer has not heard of it. */
  | 'unheard'
  /** The producer was told, and has not finished its own part: the follow-up has not run. */
  | 'unfinished';

export interface Difference {
  readonly kind: DifferenceKind;
  readonly id: string;
  readonly producer?: { readonly state: DeliveryState; readonly verdict: Verdict | null };
  readonly consumer?: { readonly verdict: Verdict };
}

/** Lays two halves beside each other, each in the order of the ids. Reads both once, and keeps nothing. */
export function* compare(
  producers: Iterable<ProducerHalf>,
  consumers: Iterable<ConsumerHalf>,
): Generator<Difference, void, undefined> {
  for (const [producer, consumer] of matched(producers, consumers)) {
    const kind = differenceOf(producer, consumer);
    if (kind === undefined) continue;
    yield {
      kind,
      id: (producer ?? consumer)!.id,
      ...(producer && { producer: { state: producer.state, verdict: producer.verdict } }),
      ...(consumer && { consumer: { verdict: consumer.verdict } }),
    };
  }
}

/** The one decision. A half that is missing may have been pruned, if the other is not recent; one that is not due may be under way. */
function differenceOf(producer?: ProducerHalf, consumer?: ConsumerHalf): DifferenceKind | undefined {
  if (consumer === undefined) return producer!.verdict !== null && producer!.recent ? 'forgotten' : undefined;
  if (producer === undefined) return consumer.due && consumer.recent ? 'unknown' : undefined;
  if (producer.announced) return undefined;
  if (producer.verdict === null) return consumer.due ? 'unheard' : undefined;
  if (producer.verdict !== consumer.verdict) return 'contradiction';
  return FINISHED.includes(producer.state) || !consumer.due ? undefined : 'unfinished';
}

const FINISHED: readonly DeliveryState[] = ['completed', 'compensated', 'discarded'];

/** What has the same id, together; what only one side has, alone. */
function* matched(
  producers: Iterable<ProducerHalf>,
  consumers: Iterable<ConsumerHalf>,
): Generator<[ProducerHalf | undefined, ConsumerHalf | undefined], void, undefined> {
  const [left, right] = [producers[Symbol.iterator](), consumers[Symbol.iterator]()];
  let producer = next(left);
  let consumer = next(right);
  while (producer ?? consumer) {
    const ahead = producer !== undefined && (consumer === undefined || producer.id <= consumer.id);
    const behind = consumer !== undefined && (producer === undefined || consumer.id <= producer.id);
    yield [ahead ? producer : undefined, behind ? consumer : undefined];
    if (ahead) producer = next(left);
    if (behind) consumer = next(right);
  }
}

function next<T>(iterator: Iterator<T>): T | undefined {
  const { done, value } = iterator.next();
  return done ? undefined : value;
}
