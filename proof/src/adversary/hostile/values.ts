import type { SeededRandom } from '@tallystick/outbox/testing';

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

/** What hides in a field: nothing, too much, other types, other characters, other times, names that mean something. */
const VALUES: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => '',
  () => ' ',
  () => 'x'.repeat(256),
  () => 'ü'.repeat(200),
  () => 'x'.repeat(20_000),
  () => 'a\u0000b',
  () => '\u001b[2J\u0007',
  () => '\u202egnp.exe',
  () => '\ud800',
  () => '\r\nWARN forged line',
  () => "'; drop table inbox_message; --",
  () => '${process.exit(1)}',
  () => '__proto__',
  () => 'constructor',
  () => 'outbox.receipt',
  () => 'outbox.cancel',
  () => 'outbox.bundle',
  () => 'purchase.made',
  () => 'no-such-service',
  () => 'rig-producer',
  () => 'rig-consumer',
  () => '00000000-0000-0000-0000-000000000000',
  () => '2026-02-30T00:00:00Z',
  () => '1969-12-31T23:59:59Z',
  () => '-000001-01-01T00:00:00Z',
  () => '9999-12-31T23:59:59Z',
  () => '10000-01-01T00:00:00Z',
  () => '2026-01-01T00:00:00+99:99',
  () => '2020-01-01T00:00:00Z',
  () => 'tomorrow',
  () => '1',
  () => '0'.repeat(64),
  () => true,
  () => -1,
  () => 0,
  () => 1.5,
  () => 2 ** 31 - 1,
  () => 2 ** 31,
  () => 2 ** 32,
  () => 2 ** 53,
  () => 2 ** 60,
  () => -(2 ** 60),
  () => 1e300,
  () => [],
  () => ({}),
  () => ['a', 1, null],
  () => ({ toString: 'x', constructor: { prototype: { polluted: true } } }),
  () => JSON.parse('{"__proto__": {"polluted": true}}'),
  () => nested(80),
];

export function hostileValue(random: SeededRandom): unknown {
  return random.pick(VALUES)();
}

/** The text of a body, changed: cut, with bytes flipped (and so often no UTF-8), or another one altogether. */
export function hostileBody(random: SeededRandom, body: string): Buffer {
  const bytes = Buffer.from(body, 'utf8');
  switch (random.below(9)) {
    case 0:
      return Buffer.alloc(0);
    case 1:
      return bytes.subarray(0, random.below(bytes.length));
    case 2:
      for (let flips = 1 + random.below(8); flips > 0 && bytes.length > 0; flips--)
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      return bytes;
    case 3:
      return Buffer.concat([bytes, Buffer.from([0xff, 0xfe, 0xc0, 0x80])]);
    case 4:
      return Buffer.from(random.pick(['null', '[]', '0', '""', '{', '{}', 'NaN', '\u0000', '{"a":1}{"a":1}']));
    case 5:
      return Buffer.from(body.replace('{', '{"__proto__":{"polluted":true},'));
    case 6:
      return Buffer.from(body.replace('{', `{"deep":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)},`));
    case 7:
      return Buffer.from(body.replace('{', `{"much":"${'x'.repeat(100_000)}",`));
    default:
      return Buffer.from(withHostileField(random, body));
  }
}

function withHostileField(random: SeededRandom, body: string): string {
  const value = JSON.parse(body) as Record<string, unknown>;
  const field = random.pick([...Object.keys(value), 'unheardOf']);
  return JSON.stringify({ ...value, [field]: hostileValue(random) });
}
