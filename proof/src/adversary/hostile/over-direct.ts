import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Cleanup, until } from '@tallystick/services';
import type { SeededRandom } from '@tallystick/outbox/testing';
import type { Hostile, Way } from './envelopes';
import { isRefused } from './envelopes';
import type { Sender } from './storm';

const PATTERN = '{"cmd":"tallystick.envelope.v1"}';
const CALLS: readonly Way[] = [{ service: 'rig-consumer', expected: { kind: 'call' } }];
const CONNECTIONS = 4;
const WITHIN_MS = 60_000;
/** So many of the frames are broken, each on a connection of its own. */
const BROKEN_EVERY = 10;

/** Calls the consumer as somebody who can connect. */
export async function overDirect(address: string, random: SeededRandom, cleanup: Cleanup): Promise<Sender> {
  const [host, port] = address.split(':') as [string, string];
  const problems: string[] = [];
  const note = (problem: string): void => void (problems.length < 20 && problems.push(problem));
  const callers = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(Number(port), host);
      cleanup.defer(() => void socket.destroy());
      await once(socket, 'connect');
      return new Caller(socket, note);
    }),
  );
  let sent = 0;
  let hangingUp = 0;

  const breakFrame = (frame: Buffer): number => {
    const { bytes, ends } = brokenFrame(frame, random);
    const socket = connect(Number(port), host);
    cleanup.defer(() => void socket.destroy());
    hangingUp++;
    socket.on('error', () => {}); // the server hangs up while it is written to
    socket.once('close', () => hangingUp--);
    socket.resume();
    if (ends) socket.end(bytes);
    else socket.write(bytes);
    return bytes.length;
  };

  return {
    ways: CALLS,
    asItArrives: (hostile) => {
      const { headers, body, ...fields } = JSON.parse(wireText(hostile)) as {
        headers: Hostile['headers'];
        body: string;
      };
      return { ...hostile, fields, headers, body: Buffer.from(body) };
    },
    send: (hostile) => {
      const id = String(++sent);
      const frame = frameOf(`{"pattern":${JSON.stringify(PATTERN)},"id":"${id}","data":{"wire":${wireText(hostile)}}}`);
      if (sent % BROKEN_EVERY === 0) return breakFrame(frame);
      callers[sent % CONNECTIONS]!.call(id, frame, isRefused(hostile));
      return frame.length;
    },
    arrived: async () => {
      const answered = (): boolean => callers.every(({ waiting }) => waiting === 0);
      await until('every call is answered', answered, { timeoutMs: WITHIN_MS });
      await until('every broken frame has cost its connection', () => hangingUp === 0, { timeoutMs: WITHIN_MS });
    },
    putAside: undefined,
    problems,
  };
}

/** One connection with many calls on it, each of which is to be answered. */
class Caller {
  /** By id: whether it is to be refused. */
  private readonly open = new Map<string, boolean>();
  private text = '';

  constructor(
    private readonly socket: Socket,
    private readonly note: (problem: string) => void,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => this.read(String(chunk)));
    socket.on('error', () => {});
    socket.on('close', () => note('a connection without a broken frame was closed'));
  }

  get waiting(): number {
    return this.open.size;
  }

  call(id: string, frame: Buffer, refused: boolean): void {
    this.open.set(id, refused);
    this.socket.write(frame);
  }

  private read(chunk: string): void {
    this.text += chunk;
    for (;;) {
      const hash = this.text.indexOf('#');
      const end = hash + 1 + Number(this.text.slice(0, hash));
      if (hash < 0 || this.text.length < end) return;
      this.answer(JSON.parse(this.text.slice(hash + 1, end)) as Answer);
      this.text = this.text.slice(end);
    }
  }

  private answer({ id, response, err }: Answer): void {
    const refused = this.open.get(id);
    this.open.delete(id);
    if (err !== undefined) this.note(`a call failed in the server: ${JSON.stringify(err)}`);
    else if (refused && response?.kind !== 'refused')
      this.note(`a call that was to be refused was answered with ${response?.kind}`);
  }
}

interface Answer {
  readonly id: string;
  readonly response?: { readonly kind: string };
  readonly err?: unknown;
}

export function wireText({ fields, headers, body }: Hostile): string {
  return JSON.stringify({ ...fields, headers, body: body.toString('utf8') });
}

export function frameOf(text: string): Buffer {
  return Buffer.from(`${text.length}#${text}`);
}

/** Bytes that no frame can come of. `ends`: the connection ends in the middle. */
export function brokenFrame(frame: Buffer, random: SeededRandom): { bytes: Buffer; ends: boolean } {
  const text = frame.toString('utf8');
  const json = text.slice(text.indexOf('#') + 1);
  const all: readonly (() => Buffer)[] = [
    () => Buffer.from(json),
    () => Buffer.from(`${'9'.repeat(8)}#${json}`),
    () => Buffer.from(`${'9'.repeat(40)}#`),
    () => Buffer.from(`-1#${json}`),
    () => Buffer.from(`0#${json}`),
    () => Buffer.from(`7#${json}`),
    () => Buffer.from(`${json.length + 9}#${json}`), // the rest never comes
    () => Buffer.from('3#[1]'),
    () => Buffer.from('{"a":1}\n'),
    () => Buffer.from('GET / HTTP/1.1\r\nHost: rig-consumer\r\n\r\n'),
    () => Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
    () => Buffer.concat([Buffer.from('20#{"a":"'), Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80])]),
    () => Buffer.from(Array.from({ length: 64 }, () => random.below(0x30))),
  ];
  if (random.chance(0.1)) return { bytes: frame.subarray(0, random.below(frame.length)), ends: true };
  return { bytes: random.pick(all)(), ends: false };
}
