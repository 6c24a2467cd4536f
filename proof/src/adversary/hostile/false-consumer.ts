import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createHash } from 'node:crypto';
import type { Cleanup } from '@tallystick/services';
import type { Codec, SeededRandom } from '@tallystick/outbox/testing';
import { ELSEWHERE } from '../../rig';
import { CODEC, FOREIGN, HostileEnvelopes, isRefused, type Known } from './envelopes';
import { brokenFrame, frameOf, wireText } from './over-direct';
import { hostileValue } from './values';

type Receipt = Extract<Parameters<Codec['encode']>[0], { kind: 'receipt' }>['receipt'];
type Verdict = Receipt['verdict'];

interface Call {
  readonly id: string;
  readonly about: Known & { readonly payloadHash: string };
}

const PRODUCER = 'rig-producer';
const VERDICTS: readonly Verdict[] = ['accepted', 'rejected', 'deferred', 'unprocessable'];
/** What a frame may not announce, and what a client must not keep: more than its largest reply. */
const TOO_LARGE = 17 * 1024 * 1024;
const UNASKED = 200;
const TALKING_MS = 50;

/** Listens where a producer expects a consumer, and answers with anything but an answer of one. */
export class FalseConsumer {
  /** How often it did something hostile. */
  done = 0;
  connections = 0;
  mostAtOnce = 0;
  private readonly open = new Set<Socket>();
  private readonly envelopes: HostileEnvelopes;
  private current!: Known;

  private constructor(
    private readonly random: SeededRandom,
    seed: number,
    /** Plain: signing is off, and the answer is in order. */
    private readonly honestly: Codec | undefined,
  ) {
    const way = { service: PRODUCER, expected: { kind: 'receipt' } } as const;
    this.envelopes = new HostileEnvelopes(seed, [way], () => this.current, ELSEWHERE);
  }

  /** @returns it and its address */
  static async listen(
    { random, seed, honestly }: { random: SeededRandom; seed: number; honestly?: Codec },
    cleanup: Cleanup,
  ): Promise<{ consumer: FalseConsumer; address: string }> {
    const consumer = new FalseConsumer(random, seed, honestly);
    const server = createServer({ allowHalfOpen: true }, (socket) => consumer.welcome(socket));
    cleanup.defer(() => {
      server.close();
      for (const socket of consumer.open) socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { consumer, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  private welcome(socket: Socket): void {
    this.connections++;
    this.open.add(socket);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.open.size);
    // Who hung up hears more all the same; only if it has nothing left of the connection, this ends it here.
    let stopTalking = (): void => {};
    socket.on('end', () => {
      const talking = setInterval(() => socket.write('#'), TALKING_MS);
      stopTalking = () => clearInterval(talking);
    });
    socket.on('close', () => {
      stopTalking();
      this.open.delete(socket);
    });
    socket.on('error', () => {});
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += String(chunk);
      for (;;) {
        const hash = text.indexOf('#');
        const end = hash + 1 + Number(text.slice(0, hash));
        if (hash < 0 || text.length < end) return;
        this.answer(socket, readCall(text.slice(hash + 1, end)));
        text = text.slice(end);
      }
    });
  }

  private answer(socket: Socket, call: Call): void {
    this.done++;
    if (this.honestly) return this.reply(socket, call, this.receipt(call, 'accepted', this.honestly));
    const { random } = this;
    // Most of what it does leaves the connection as it is, or little else would be met.
    if (random.chance(0.85)) this.reply(socket, call, this.hostileReply(call));
    else this.break(socket, call);
  }

  private hostileReply(call: Call): unknown {
    const { random } = this;
    const verdict = random.pick(VERDICTS);
    const [another] = [{ ...call, about: { ...call.about, messageId: random.token() } }];
    switch (random.below(9)) {
      case 0:
        return this.receipt(call, verdict, FOREIGN);
      case 1:
        return this.receipt(call, verdict, UNSIGNED);
      case 2:
        return this.receipt(another, verdict, CODEC);
      case 3:
        return this.receipt({ ...call, about: { ...call.about, payloadHash: 'ab'.repeat(32) } }, verdict, CODEC);
      case 4:
        return this.receipt(call, verdict, CODEC, random.pick([PRODUCER, 'rig-consumer', '__proto__']));
      case 5:
        return { kind: 'refused', problem: random.pick(TEXTS)() };
      case 6:
        return random.chance(0.5) ? hostileValue(random) : { kind: hostileValue(random), wire: hostileValue(random) };
      default:
        return { kind: 'receipt', wire: JSON.parse(this.hostileWire(call)) as unknown };
    }
  }

  /** Of the generator, without what would be an answer after all. */
  private hostileWire({ about }: Call): string {
    this.current = about;
    for (;;) {
      try {
        const hostile = this.envelopes.next();
        if (!hostile.aboutKnown || isRefused(hostile)) return wireText(hostile);
      } catch {
        // now and then one comes out that cannot be encoded
      }
    }
  }

  private receipt({ about }: Call, verdict: Verdict, codec: Codec, consumer = ELSEWHERE): unknown {
    const { messageId, payloadHash } = about;
    const answer = { messageId, consumer, attempt: 1, recordedAt: new Date().toISOString(), payloadHash };
    const reason = { code: verdict === 'unprocessable' ? 'EXPIRED' : 'FORGED' };
    const receipt = { ...answer, verdict, ...(verdict !== 'accepted' && { reason }) } as Receipt;
    return { kind: 'receipt', wire: codec.encode({ kind: 'receipt', to: PRODUCER, receipt }, PRODUCER) };
  }

  private reply(socket: Socket, { id }: Call, response: unknown): void {
    const { random } = this;
    const frame = random.chance(this.honestly ? 0 : 0.1)
      ? { id, err: hostileValue(random) ?? 'x' }
      : { id, response, isDisposed: true };
    socket.write(frameOf(JSON.stringify(frame)));
  }

  private break(socket: Socket, call: Call): void {
    const { random } = this;
    const frame = frameOf(JSON.stringify({ id: call.id, response: this.receipt(call, 'accepted', UNSIGNED) }));
    switch (random.below(7)) {
      case 0:
        return void socket.write(brokenFrame(frame, random).bytes);
      case 1:
        return void socket.end(frame.subarray(0, random.below(frame.length)));
      case 2:
        return void socket.write(frame.subarray(0, random.below(frame.length))); // the rest never comes
      case 3:
        return void socket.destroy();
      case 4: // half open: it goes on reading
        return void socket.end();
      case 5:
        for (let sent = 0; sent < UNASKED; sent++)
          socket.write(
            frameOf(JSON.stringify({ id: random.token(), response: hostileValue(random), isDisposed: true })),
          );
        return;
      default:
        if (random.chance(0.2)) socket.write(`99999999#{"id":"${'x'.repeat(TOO_LARGE)}`);
      // else it says nothing
    }
  }
}

/** What a verdict looks like that nobody signed. */
const UNSIGNED: Codec = {
  encode: (envelope, to) => {
    const { headers, ...wire } = CODEC.encode(envelope, to);
    const { outbox_signature: _, ...unsigned } = headers;
    return { ...wire, headers: unsigned };
  },
  decode: CODEC.decode,
};
export { UNSIGNED };

/** What may stand in a column, or not. */
const TEXTS: readonly (() => string)[] = [
  () => '',
  () => 'a\u0000b',
  () => '\ud800',
  () => '\r\nWARN forged line',
  () => 'ü'.repeat(1_000_000),
];

function readCall(text: string): Call {
  const { id, data } = JSON.parse(text) as { id: string; data: { wire: { headers: Headers; body: string } } };
  const { headers, body } = data.wire;
  const { purchaseId, accountId, amount } = JSON.parse(body) as Known;
  const payloadHash = createHash('sha256').update(`${headers.cloudEvents_type}\0${body}`).digest('hex');
  return { id, about: { messageId: headers.cloudEvents_id, purchaseId, accountId, amount, payloadHash } };
}

interface Headers {
  readonly cloudEvents_id: string;
  readonly cloudEvents_type: string;
}
