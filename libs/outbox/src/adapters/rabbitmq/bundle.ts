import { isUtf8 } from 'node:buffer';
import type { ConsumeMessage } from 'amqplib';
import { CORRELATION_HEADER } from '../../message/envelope';
import { looseJson } from '../../message/json';
import { ATTEMPT_HEADER, type Outgoing } from './wire';

/** `type` of an AMQP message that holds several messages of one type and source, or several receipts. */
export const BUNDLE_TYPE = 'outbox.bundle';
export const MAX_MEMBERS = 64;
/** Of the body: head and members. */
export const MAX_BUNDLE_BYTES = 128 * 1024;
/** On a message: its sender reads bundles of receipts too. Whoever sends bundles does. */
export const TAKES_BUNDLES_HEADER = 'outbox_bundles';

const NEWLINE = 0x0a;
/** What a bundle says once for all, what has a place of its own in a row, and what follows from being in a bundle. */
const TOLD_ELSEWHERE = new Set([
  'cloudEvents_specversion',
  'cloudEvents_id',
  'cloudEvents_type',
  'cloudEvents_source',
  'cloudEvents_time',
  ATTEMPT_HEADER,
  CORRELATION_HEADER,
  'cloudEvents_subject',
  'cloudEvents_expirytime',
  TAKES_BUNDLES_HEADER,
]);

/** One publish that may travel with others, and what the head of a bundle says about it. */
export interface Member {
  readonly outgoing: Outgoing;
  /** `[bytes, id, time, attempt, correlation, subject, expiry, more headers]` as JSON; 0 for what is not there. */
  readonly row: string;
  /** What it takes in a bundle. */
  readonly bytes: number;
}

export function memberOf(outgoing: Outgoing): Member {
  const headers = outgoing.properties.headers as Readonly<Record<string, string | number>>;
  const more = Object.entries(headers).filter(([name]) => !TOLD_ELSEWHERE.has(name));
  const row = JSON.stringify([
    outgoing.body.length,
    outgoing.properties.messageId,
    headers.cloudEvents_time,
    headers[ATTEMPT_HEADER],
    headers[CORRELATION_HEADER] ?? 0,
    headers.cloudEvents_subject ?? 0,
    headers.cloudEvents_expirytime ?? 0,
    more.length > 0 ? Object.fromEntries(more) : 0,
  ]);
  return { outgoing, row, bytes: Buffer.byteLength(row) + 1 + outgoing.body.length };
}

/** What the head takes beside the rows, at most: three names and brackets. */
export const HEAD_BYTES = 512;

/**
 * All in one AMQP message: a line of JSON, `[type, source, reply_to, rows]`, then the bodies, byte for byte. The members have
 * exchange, routing key, type, source, reply_to and user in common.
 */
export function bundleOf(members: readonly Member[]): Outgoing {
  const { exchange, routingKey, properties } = members[0]!.outgoing;
  const { messageId, type, appId, replyTo, userId, persistent } = properties;
  const shared = [type, appId, replyTo ?? 0].map((value) => JSON.stringify(value)).join(',');
  const head = `[${shared},[${members.map(({ row }) => row).join(',')}]]\n`;
  return {
    exchange,
    routingKey,
    body: Buffer.concat([Buffer.from(head), ...members.map(({ outgoing }) => outgoing.body)]),
    properties: { messageId, type: BUNDLE_TYPE, appId, contentType: 'application/x-outbox-bundle', userId, persistent },
  };
}

export function isBundle({ properties }: ConsumeMessage): boolean {
  return properties.type === BUNDLE_TYPE;
}

/**
 * The members of a bundle, as if each had come by itself: with the user that the broker vouches for, and with what the broker
 * has noted on the bundle (`x-…`). What a row says is no more than what headers say, and is checked where they are.
 * @throws Error if it cannot be told where its members begin and end; bounded, without their text
 */
export function membersOf({ content, fields, properties }: ConsumeMessage): ConsumeMessage[] {
  const { type, source, replyTo, rows, at } = headOf(content);
  const noted = Object.entries(properties.headers ?? {}).filter(([name]) => name.startsWith('x-'));
  let begin = at;
  return rows.map(([bytes, id, time, attempt, correlation, subject, expiry, more]) => {
    const body = content.subarray(begin, (begin += bytes));
    const headers: Record<string, unknown> = {
      ...(typeof more === 'object' ? more : undefined),
      cloudEvents_specversion: '1.0',
      cloudEvents_id: id,
      cloudEvents_type: type,
      cloudEvents_source: source,
      cloudEvents_time: time,
      [ATTEMPT_HEADER]: attempt,
      ...(isThere(correlation) && { [CORRELATION_HEADER]: correlation }),
      ...(isThere(subject) && { cloudEvents_subject: subject }),
      ...(isThere(expiry) && { cloudEvents_expirytime: expiry }),
      [TAKES_BUNDLES_HEADER]: MAX_MEMBERS,
      ...Object.fromEntries(noted),
    };
    const described = { type, appId: source, replyTo, messageId: textOf(id), correlationId: textOf(correlation) };
    const { userId } = properties;
    return {
      fields,
      content: body,
      properties: { ...described, contentType: 'application/json', userId, headers },
    } as unknown as ConsumeMessage;
  });
}

type Row = readonly [bytes: number, ...unknown[]];

interface Head {
  readonly type: string;
  readonly source: string;
  readonly replyTo: string | undefined;
  readonly rows: readonly Row[];
  /** Where the first body begins. */
  readonly at: number;
}

function headOf(content: Buffer): Head {
  if (content.length > MAX_BUNDLE_BYTES)
    throw new Error(`a bundle of ${content.length} bytes: at most ${MAX_BUNDLE_BYTES} are read`);
  const end = content.indexOf(NEWLINE);
  const line = content.subarray(0, Math.max(0, end));
  if (!isUtf8(line)) throw new Error('the head of the bundle is no UTF-8 text');
  const head = looseJson(line.toString('utf8'));
  const [type, source, replyTo, rows] = Array.isArray(head) ? (head as unknown[]) : [];
  if (typeof type !== 'string' || typeof source !== 'string' || !(replyTo === 0 || typeof replyTo === 'string'))
    throw new Error('the head of the bundle does not say what it holds, and from whom');
  if (type === BUNDLE_TYPE) throw new Error('a bundle of bundles');
  if (!Array.isArray(rows) || rows.length === 0 || rows.length > MAX_MEMBERS || !rows.every(isRow))
    throw new Error(`a bundle has 1 to ${MAX_MEMBERS} members, each with its length`);
  const bytes = rows.reduce((sum, [length]) => sum + length, 0);
  if (end + 1 + bytes !== content.length) throw new Error('the lengths of the members are not that of the bundle');
  return { type, source, replyTo: replyTo === 0 ? undefined : replyTo, rows, at: end + 1 };
}

function isRow(value: unknown): value is Row {
  return Array.isArray(value) && Number.isSafeInteger(value[0]) && (value[0] as number) >= 0;
}

function isThere(value: unknown): boolean {
  return value !== 0 && value !== undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
