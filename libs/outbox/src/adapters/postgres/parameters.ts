import type { DeliveryKey, ReceivedAnswer } from '../../message/delivery';
import { errorText } from '../../message/receipt';
import { CODES } from '../../message/rules';
import { orderKeyOf, startOf } from '../../message/start';
import type { AnsweredDelivery, NewMessage, SettleRow, TurnLease } from '../../ports/store';

/** The ports' words into the parameters of a statement, in its order. Many rows travel as one array per column. */

export function addOneValues(message: NewMessage, { consumer, followUp }: NewMessage['deliveries'][number]): unknown[] {
  const { attempts, leaseToken, waitMs, deadlineMs, giveUpMs } = startOf(message);
  return [
    message.id,
    message.type,
    message.source,
    message.key,
    message.payload,
    jsonText(message.headers),
    attempts,
    leaseToken,
    waitMs,
    deadlineMs,
    giveUpMs,
    consumer,
    followUp,
  ];
}

export function addManyValues(messages: readonly NewMessage[]): unknown[] {
  const deliveries = messages.flatMap((message) => {
    const start = startOf(message);
    return message.deliveries.map((delivery) => ({ id: message.id, ...delivery, ...start }));
  });
  return [
    messages.map(({ id }) => id),
    messages.map(({ type }) => type),
    messages.map(({ source }) => source),
    messages.map(({ key }) => key),
    messages.map(({ payload }) => payload),
    messages.map(({ headers }) => jsonText(headers)),
    messages.map(({ deadlineMs }) => deadlineMs),
    deliveries.map(({ id }) => id),
    deliveries.map(({ consumer }) => consumer),
    deliveries.map(({ followUp }) => followUp),
    deliveries.map(({ attempts }) => attempts),
    deliveries.map(({ leaseToken }) => leaseToken),
    deliveries.map(({ waitMs }) => waitMs),
    deliveries.map(({ deadlineMs }) => deadlineMs),
    deliveries.map(({ giveUpMs }) => giveUpMs),
  ];
}

/** The same, and for each delivery whom it is in order with (a service, and its key), and what it waits for. */
export function addOrderedValues(messages: readonly NewMessage[]): unknown[] {
  const keys = messages.flatMap((message) => message.deliveries.map(() => orderKeyOf(message)));
  const codes = messages.flatMap(({ waitsItsTurn, deliveries }) =>
    deliveries.map(() => (waitsItsTurn ? CODES.waitsItsTurn : undefined)),
  );
  return [...addManyValues(messages), keys, codes];
}

export function settleValues(settlements: readonly SettleRow[]): unknown[] {
  const outcomes = settlements.map(({ settlement }) => settlement);
  return [
    settlements.map(({ messageId }) => messageId),
    settlements.map(({ consumer }) => consumer),
    settlements.map(({ leaseToken }) => leaseToken),
    outcomes.map(({ kind }) => kind),
    outcomes.map((outcome) => ('waitMs' in outcome ? outcome.waitMs : undefined)),
    outcomes.map((outcome) => ('code' in outcome ? outcome.code : undefined)),
    outcomes.map((outcome) =>
      'error' in outcome && outcome.error !== undefined ? errorText(outcome.error) : undefined,
    ),
  ];
}

export function closeManyValues(answers: readonly AnsweredDelivery[]): unknown[] {
  return [
    answers.map(({ messageId }) => messageId),
    answers.map(({ consumer }) => consumer),
    answers.map(({ answer }) => answer.verdict),
    answers.map(({ answer }) => jsonText(answer.reason)),
    answers.map(({ answer }) => jsonText(answer.result)),
    answers.map(({ answer }) => answer.payloadHash),
  ];
}

export function nextTurnValues(keys: readonly DeliveryKey[], lease?: TurnLease): unknown[] {
  return [keys.map(({ messageId }) => messageId), keys.map(({ consumer }) => consumer), ...leaseValues(lease)];
}

export function leaseValues(lease: TurnLease | undefined): unknown[] {
  return [lease?.leaseToken, lease?.leaseMs, lease?.giveUpAfterMs];
}

export function answerValues(
  { messageId, consumer }: DeliveryKey,
  { verdict, reason, result, payloadHash }: ReceivedAnswer,
): unknown[] {
  return [messageId, consumer, verdict, jsonText(reason), jsonText(result), payloadHash];
}

/** `undefined` becomes an SQL null, `null` the JSON text: both come back as what they were. */
export function jsonText(value: unknown): string | undefined {
  return JSON.stringify(value);
}

/** What a person said, in its bounds. */
export function optionalText(said: string | undefined): string | undefined {
  return said === undefined ? undefined : errorText(said);
}
