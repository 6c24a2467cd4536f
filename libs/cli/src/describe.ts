import type { AuditRecord, DeliveryRecord } from '@tallystick/outbox';
import { columns } from './columns';

/** One line per delivery. The id is whole, for it is what one copies; what does not fit is the error. */
export function listed(records: readonly DeliveryRecord[]): string[] {
  const rows = records.map(({ messageId, consumer, type, state, attempts, lastError }) => [
    messageId,
    state,
    `${type} → ${consumer}`,
    String(attempts),
    lastError ?? '',
  ]);
  return columns(['message', 'state', 'type → consumer', 'tries', 'last error'], rows, 160);
}

/** One line per entry of the audit. */
export function audited(entries: readonly AuditRecord[]): string[] {
  const rows = entries.map(({ at, actor, verb, target, changed, reason }) => [
    at,
    actor,
    verb,
    String(changed),
    target,
    reason ?? '',
  ]);
  return columns(['when', 'who', 'what', 'changed', 'of', 'why'], rows, 200);
}

/** Everything a row knows of a delivery, in the order in which it happened. */
export function shown(record: DeliveryRecord): string[] {
  const { messageId, consumer, type, key, state, attempts, followUp, verdict, reason, result, code, lastError } =
    record;
  const facts: [string, string | undefined][] = [
    ['message', messageId],
    ['type', key === undefined ? type : `${type}, key ${key}`],
    ['consumer', consumer],
    ['state', state],
    ['recorded', record.recordedAt],
    ['sent', record.sentAt && `${record.sentAt}, confirmed by the transport`],
    ['tries', `${attempts} in this phase`],
    ['verdict', verdict && (reason ? `${verdict}: ${JSON.stringify(reason)}` : verdict)],
    ['result', result === undefined ? undefined : JSON.stringify(result)],
    ['follow-up', followUp === 'none' ? undefined : `when ${followUp === 'both' ? 'accepted or rejected' : followUp}`],
    ['deadline', record.deadlineAt],
    ['due', record.nextAt],
    ['settled', record.settledAt],
    ['code', code],
    ['last error', lastError],
  ];
  return facts.flatMap(([name, fact]) => (fact === undefined ? [] : [`${name.padEnd(12)}${fact}`]));
}
