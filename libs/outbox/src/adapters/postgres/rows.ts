import type { FollowUp } from '../../message/contract';
import type { ClaimedDelivery, OpenState, ParkCode, StoredAnswer } from '../../message/delivery';
import type { HistoryEntry } from '../../message/history';
import type { Reason, Verdict } from '../../message/receipt';
import type { ClaimResult, ClosedDelivery, ClosedRow, DeliveryHistoryEntry, NextTurns } from '../../ports/store';
import { jsonOf, keyOf, messageOf, pauseOf, type Row } from '../rows';

/** Rows of PostgreSQL's own statements into the ports' words. */

function claimedOf(row: Row, leaseToken: string): ClaimedDelivery {
  return {
    messageId: row.message_id!,
    consumer: row.consumer!,
    state: row.state as OpenState,
    attempt: Number(row.attempts),
    leaseToken,
    deadlineAt: row.deadline_at ?? undefined,
    answer: answerOf(row),
    cancelReason: row.cancel_reason ?? undefined,
    ordered: isOrdered(row),
    message: messageOf(row),
  };
}

/**
 * The rows taken, one for each pause, if there are any (it says also how many rows the claim held for them), and those that are
 * not at their turn.
 */
export function claimResultOf(rows: readonly Row[], leaseToken: string): ClaimResult {
  const of = (state: string): Row[] => rows.filter((row) => row.state === state);
  const paused = of('paused');
  const waiting = of('waits').map(keyOf);
  return {
    deliveries: rows.filter(({ state }) => !APART.includes(state!)).map((row) => claimedOf(row, leaseToken)),
    parked: of('parked').map((row) => ({
      ...keyOf(row),
      code: row.park_code as ParkCode,
      error: row.last_error ?? undefined,
    })),
    held: Number(paused[0]?.attempts ?? 0) + waiting.length,
    waiting,
    pauses: paused.map((row) =>
      pauseOf({
        ...row,
        consumer: row.consumer!,
        since: row.recorded_at!,
        actor: row.cancel_reason!,
        reason: row.last_error!,
      }),
    ),
  };
}

const APART: readonly string[] = ['parked', 'paused', 'waits'];

export function closedOf(row: Row): ClosedDelivery {
  return {
    ...keyOf(row),
    followUp: row.follow_up as FollowUp,
    attempt: Number(row.attempts),
    ordered: isOrdered(row),
    ageMs: Number(row.age_ms),
    message: messageOf(row),
  };
}

export function closedRowOf(row: Row): ClosedRow {
  return { ...keyOf(row), type: row.type!, ordered: isOrdered(row), ageMs: Number(row.age_ms) };
}

/** Those that were closed, and behind them the next of their keys; each is with one of its key. */
export function closedWithNext(rows: readonly Row[]): ClosedRow[] {
  const next = new Map(rows.filter(isTaken).map((row) => [lineOf(row), row]));
  return rows
    .filter((row) => !isTaken(row))
    .map((row) => {
      const taken = next.get(lineOf(row));
      next.delete(lineOf(row));
      return { ...closedRowOf(row), ...(taken && { next: claimedOf(taken, taken.lease_token!) }) };
    });
}

export function nextTurnsOf(rows: readonly Row[]): NextTurns {
  const taken = rows.filter(isTaken).map((row) => claimedOf(row, row.lease_token!));
  const held = rows.filter(({ state }) => state === 'held').map(keyOf);
  return { due: rows.length - taken.length - held.length, taken, held };
}

function isTaken({ lease_token }: Row): boolean {
  return lease_token != null;
}

function lineOf({ consumer, order_key }: Row): string {
  return `${consumer} ${order_key}`;
}

/** What happened once says it once. */
export function historyOf({ consumer, entries }: Row): DeliveryHistoryEntry[] {
  const stored = jsonOf(entries) as (Omit<HistoryEntry, 'since' | 'times'> & Partial<HistoryEntry>)[];
  return stored.map((entry) => ({ consumer: consumer!, since: entry.at, times: 1, ...entry }));
}

function answerOf(row: Row): StoredAnswer | undefined {
  if (row.verdict == null) return undefined;
  return {
    verdict: row.verdict as Verdict,
    reason: jsonOf(row.reason) as Reason | undefined,
    result: jsonOf(row.result),
  };
}

function isOrdered({ order_no }: Row): boolean {
  return order_no != null;
}
