import { membersOf, type SeededRandom } from '@tallystick/outbox/testing';
import type { Hostile } from './envelopes';
import { hostileValue } from './values';

const BUNDLE = 'outbox.bundle';
type Message = Parameters<typeof membersOf>[0];

/** The envelope as the only member of a bundle, written by hand; or in what only looks like one. */
export function bundled(hostile: Hostile, random: SeededRandom): Hostile {
  const {
    cloudEvents_type: type,
    cloudEvents_source: source,
    cloudEvents_id: id,
    cloudEvents_time: time,
    cloudEvents_attempt: attempt,
    cloudEvents_correlationid: correlation = 0,
    cloudEvents_subject: subject = 0,
    cloudEvents_expirytime: expiry = 0,
    ...more
  } = hostile.headers;
  const { replyTo = 0, messageId, appId } = hostile.fields;
  const row = [hostile.body.length, id, time, attempt, correlation, subject, expiry, more];
  const head = [type, source, replyTo, [row]];
  const parts = { head, body: hostile.body };
  const body = random.chance(0.4) ? spoilt(parts, random) : written(parts);
  return { ...hostile, fields: { messageId, appId, type: BUNDLE }, headers: {}, body };
}

/** What its reader would take out of it, as if it had come alone; undefined if nothing. What is no bundle is itself. */
export function membersIn(hostile: Hostile): Hostile[] | undefined {
  const { way, fields, headers, body } = hostile;
  if (!way.queue || fields.type !== BUNDLE) return [hostile];
  const { kind } = way.expected;
  if (kind !== 'request' && kind !== 'receipt') return undefined;
  try {
    const message = { content: body, fields: {}, properties: { ...fields, headers } } as unknown as Message;
    return membersOf(message).map(({ content, properties: { headers = {}, ...properties } }) => ({
      ...{ ...hostile, fields: { ...properties }, headers, body: content },
    }));
  } catch {
    return undefined;
  }
}

interface Parts {
  readonly head: readonly unknown[];
  readonly body: Buffer;
}

function written({ head, body }: Parts): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
}

/** Members without end, lengths that lie, bundles of bundles, and heads that are none. */
function spoilt({ head, body }: Parts, random: SeededRandom): Buffer {
  const [type, source, replyTo, rows] = head as [unknown, unknown, unknown, unknown[][]];
  const withRows = (others: unknown): Buffer => written({ head: [type, source, replyTo, others], body });
  const [[, ...row]] = rows as [unknown[]];
  const good = written({ head, body });
  switch (random.below(11)) {
    case 0:
      return good.subarray(0, random.below(good.length));
    case 1:
      return good.subarray(random.below(good.length));
    case 2:
      return Buffer.concat([good, Buffer.from('{}')]);
    case 3:
      return withRows([[random.pick([-1, 0.5, 2 ** 53, 2 ** 31, body.length + 1, String(body.length), null]), ...row]]);
    case 4:
      return withRows(Array.from({ length: random.pick([65, 1_000, 10_000]) }, () => [0]));
    case 5:
      return withRows([
        [body.length + 7, ...row],
        [-7, ...row],
      ]);
    case 6:
      return written({ head: [BUNDLE, source, replyTo, rows], body: good });
    case 7:
      return written({ head, body: Buffer.alloc(300_000, 'x') });
    case 8:
      return Buffer.from(`${'['.repeat(60_000)}${']'.repeat(60_000)}\n`);
    case 9:
      return Buffer.from(good.toString('latin1').replaceAll('"', '\u00ff'), 'latin1');
    default:
      return withRows(hostileValue(random));
  }
}
