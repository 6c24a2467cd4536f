import type { ClaimedDelivery, DeliveryKey } from '../../message/delivery';
import { keyText } from '../../message/envelope';
import { isPaused } from '../../message/pause';
import { CODES, type HoldCode } from '../../message/rules';
import { claimed, isHeld, letGo, marked, mayBeMarked, taken } from '../../message/transitions';
import type { ClaimRequest, ClaimResult, Marked, MarkRow, NextTurns, TurnLease } from '../../ports/store';
import { keyOf, type Row } from '../rows';
import type { Ask } from './question';
import {
  claimedOf,
  deliveryOf,
  factsOf,
  keyIn,
  messageOf,
  pauseOf,
  type ReadDelivery,
  type StoredDelivery,
} from './rows';
import { tellOfOrphans } from './orphans';
import { lockDue, lockKeys, readDue, readKeys, writeDeliveries } from './sql/delivery';
import { readMessages } from './sql/message';
import { sharePauses } from './sql/pause';
import { firstInLine, nextInLine } from './sql/turn';
import type { MariaDbTables } from './tables';

/** Due deliveries are taken, and what became of them is written down. Each in one transaction. */

export async function claim(t: MariaDbTables, ask: Ask, request: ClaimRequest): Promise<ClaimResult> {
  const pauses = (await ask(sharePauses(t, request.source))).rows.map(pauseOf);
  const locked = await lockedDue(t, ask, request);
  const messages = await messagesOf(t, ask, locked);
  const due = locked.filter(({ messageId }) => messages.has(messageId));
  if (due.length < locked.length) tellOfOrphans(locked.filter(({ messageId }) => !messages.has(messageId)));
  if (due.length === 0) return { deliveries: [], parked: [], held: 0, pauses, waiting: [] };
  const first = await firstOfLines(t, ask, due);

  const deliveries: ClaimResult['deliveries'][number][] = [];
  const parked: ClaimResult['parked'][number][] = [];
  const waiting: DeliveryKey[] = [];
  let held = 0;
  const changed = due.map((row): StoredDelivery => {
    const message = messages.get(row.messageId)!;
    const { createdAt, type } = factsOf(message);
    const paused = isPaused(pauses, row.consumer, type);
    const outOfTurn = row.orderNo !== undefined && first.get(row.orderKey!)! < row.orderNo;
    const claim = claimed(row, { now: row.now, createdAt, paused, outOfTurn }, request);
    const after = { ...row, ...claim.change };
    switch (claim.kind) {
      case 'leased':
        deliveries.push(claimedOf(after, messageOf(message)));
        break;
      case 'parked':
        parked.push({ ...keyIn(row), code: claim.code, error: row.lastError });
        break;
      case 'held':
        held += 1;
        if (claim.code === CODES.waitsItsTurn) waiting.push(keyIn(row));
        break;
      default:
        claim satisfies never;
    }
    return after;
  });
  await ask(writeDeliveries(t, changed));
  return { deliveries, parked, held, pauses, waiting };
}

/** Who waits longest comes first. */
async function lockedDue(t: MariaDbTables, ask: Ask, request: ClaimRequest): Promise<ReadDelivery[]> {
  if (request.except.length === 0) return (await ask(lockDue(t, request))).rows.map(deliveryOf);
  const keys = (await ask(readDue(t, request))).rows.map(keyOf);
  if (keys.length === 0) return [];
  const locked = (await ask(lockKeys(t, keys, 'skip'))).rows.map(deliveryOf);
  const due = locked.filter((row) => row.nextAt !== undefined && row.nextAt <= row.now);
  return due.sort((one, other) => one.nextAt! - other.nextAt!);
}

async function messagesOf(t: MariaDbTables, ask: Ask, keys: readonly DeliveryKey[]): Promise<Map<string, Row>> {
  if (keys.length === 0) return new Map();
  const ids = keys.map(({ messageId }) => messageId);
  return new Map((await ask(readMessages(t, ids, 'content'))).rows.map((row) => [row.id!, row]));
}

/** What this sees may be old, but only in one direction: final is for ever. */
async function firstOfLines(t: MariaDbTables, ask: Ask, rows: readonly StoredDelivery[]): Promise<Map<string, number>> {
  const orderKeys = orderKeysOf(rows);
  if (orderKeys.length === 0) return new Map();
  const found = (await ask(firstInLine(t, orderKeys))).rows;
  return new Map(found.map((row) => [row.order_key!, Number(row.first_no)]));
}

export async function nextTurn(
  t: MariaDbTables,
  ask: Ask,
  keys: readonly DeliveryKey[],
  lease: TurnLease | undefined,
): Promise<NextTurns> {
  if (keys.length === 0) return NOBODY;
  return letNext(t, ask, orderKeysOf((await ask(readKeys(t, keys))).rows.map(deliveryOf)), lease);
}

const NOBODY: NextTurns = { due: 0, taken: [], held: [] };

/** The next of each of these lines is taken under the lease, or made due; as far as it is held for its turn and nobody else has it. */
async function letNext(
  t: MariaDbTables,
  ask: Ask,
  orderKeys: readonly string[],
  lease: TurnLease | undefined,
): Promise<NextTurns> {
  const { first, held } = await lockedFirst(t, ask, orderKeys);
  if (first.length === 0) return { ...NOBODY, held };
  const changes = first.map((row) => ({ row, take: lease && taken(row, lease, row.now) }));
  await ask(
    writeDeliveries(
      t,
      changes.map(({ row, take }) => ({ ...row, ...(take ?? letGo(row.now)) })),
    ),
  );
  const took = changes.flatMap(({ row, take }) => (take ? [{ ...row, ...take }] : []));
  return { due: first.length - took.length, taken: await claimedOfRows(t, ask, took), held };
}

/** Of the lines whose rows this transaction has just closed, the next is taken. @returns whom, by their keys of order */
export async function takeNext(
  t: MariaDbTables,
  ask: Ask,
  closed: readonly StoredDelivery[],
  lease: TurnLease,
): Promise<Map<string, ClaimedDelivery>> {
  const { first } = await lockedFirst(t, ask, orderKeysOf(closed));
  const took = first.flatMap((row) => {
    const take = taken(row, lease, row.now);
    return take ? [{ ...row, ...take }] : [];
  });
  if (took.length === 0) return new Map();
  await ask(writeDeliveries(t, took));
  const orderKeys = new Map(took.map((row) => [keyText(row), row.orderKey!]));
  const deliveries = await claimedOfRows(t, ask, took);
  return new Map(deliveries.map((delivery) => [orderKeys.get(keyText(delivery))!, delivery]));
}

/** @returns those that are held for their turn: which we have locked, and which are in others' hands, or not first after all */
async function lockedFirst(
  t: MariaDbTables,
  ask: Ask,
  orderKeys: readonly string[],
): Promise<{ first: ReadDelivery[]; held: DeliveryKey[] }> {
  if (orderKeys.length === 0) return { first: [], held: [] };
  const waiting = (await ask(nextInLine(t, orderKeys))).rows.map(keyOf);
  const locked = await lockedHeld(t, ask, waiting, CODES.waitsItsTurn);
  // A look beside commits under way may show a number without a smaller one. One that begins after the lock shows all before it.
  const numbers = await firstOfLines(t, ask, locked);
  const first = locked.filter(({ orderKey, orderNo }) => numbers.get(orderKey!) === orderNo);
  const ours = new Set(first.map(keyText));
  return { first, held: waiting.filter((key) => !ours.has(keyText(key))) };
}

async function lockedHeld(
  t: MariaDbTables,
  ask: Ask,
  keys: readonly DeliveryKey[],
  held: HoldCode,
): Promise<ReadDelivery[]> {
  if (keys.length === 0) return [];
  return (await ask(lockKeys(t, keys, 'skip'))).rows.map(deliveryOf).filter((row) => isHeld(row, held));
}

async function claimedOfRows(t: MariaDbTables, ask: Ask, rows: readonly StoredDelivery[]): Promise<ClaimedDelivery[]> {
  const messages = await messagesOf(t, ask, rows);
  return rows.flatMap((row) => {
    const message = messages.get(row.messageId);
    return message ? [claimedOf(row, messageOf(message))] : [];
  });
}

function orderKeysOf(rows: readonly StoredDelivery[]): string[] {
  return [...new Set(rows.map(({ orderKey }) => orderKey).filter((key) => key !== undefined))];
}

/** Lets go what a pause held, as far as nobody else has it. @returns how many are due */
export async function release(t: MariaDbTables, ask: Ask, keys: readonly DeliveryKey[]): Promise<number> {
  const rows = await lockedHeld(t, ask, keys, CODES.paused);
  if (rows.length > 0)
    await ask(
      writeDeliveries(
        t,
        rows.map((row) => ({ ...row, ...letGo(row.now) })),
      ),
    );
  return rows.length;
}

export async function mark(t: MariaDbTables, ask: Ask, marks: readonly MarkRow[]): Promise<Marked> {
  const wanted = new Map(marks.map((each) => [keyText(each), each]));
  const locked = (await ask(lockKeys(t, marks, 'skip'))).rows.map(deliveryOf);
  const written = locked.flatMap((row) => {
    const { leaseToken, mark } = wanted.get(keyText(row))!;
    const change = marked(row, leaseToken, mark, row.now);
    return change ? [{ ...row, ...change }] : [];
  });
  if (written.length > 0) await ask(writeDeliveries(t, written));
  const seen = new Set(locked.map(keyText));
  const skipped = marks.filter((each) => !seen.has(keyText(each)));
  const held = skipped.length === 0 ? [] : (await ask(readKeys(t, skipped))).rows.map(deliveryOf);
  const ours = held.filter((row) => {
    const { leaseToken, mark } = wanted.get(keyText(row))!;
    return mayBeMarked(row, leaseToken, mark);
  });
  return { written: written.map(keyIn), held: ours.map(keyIn) };
}
