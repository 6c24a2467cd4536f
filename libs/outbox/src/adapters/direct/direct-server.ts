import type { AddressInfo, Server, Socket } from 'node:net';
import type { ServerTCP } from '@nestjs/microservices';
import type { Codec } from '../../message/codec';
import { type CancelEnvelope, malformed, type MalformedEnvelope, type MessageEnvelope } from '../../message/envelope';
import { errorText } from '../../message/receipt';
import type { Clock } from '../../ports/clock';
import type { Endpoint, Reaction } from '../../ports/transport';
import { type Address, addressText, type DirectSettings } from './direct-options';
import { frameSocketClass } from './frame-socket';
import { Lane } from '../../concurrency/lane';
import { wait } from '../../concurrency/waiting';
import { nestMicroservices, socketProblem } from './nest-microservices';
import { maxFrameBytes, PATTERN, readRequest, type Reply } from './replies';

/** How many calls may wait for each one that runs. One producer with the default window never fills this. */
const WAITING_PER_PLACE = 4;
/** Cancels, and types without a handler here: no work of the application, one short transaction each. */
const OTHERS = 10;

/**
 * Takes calls and answers each with a reply: decode, wait for a place in the type's lane, let the endpoint handle it,
 * encode the receipt. The library drives Nest's server by itself, because `startAllMicroservices()` would serve before
 * the application's modules are initialised.
 */
export class DirectServer {
  private readonly server: ServerTCP;
  private readonly lanes: ReadonlyMap<string, Lane>;
  private readonly others = new Lane(OTHERS, OTHERS * WAITING_PER_PLACE);
  private readonly running = new Set<Promise<Reply>>();

  constructor(
    private readonly address: Address,
    private readonly settings: Pick<DirectSettings, 'tls' | 'timeoutMs' | 'maxConnections'>,
    private readonly endpoint: Endpoint,
    private readonly deps: {
      clock: Clock;
      codec: Codec;
      maxPayloadBytes: number;
      onTrouble: (problem: string) => void;
    },
  ) {
    this.lanes = new Map(
      endpoint.subscriptions.map(({ type, concurrency }) => [
        type,
        new Lane(concurrency, concurrency * WAITING_PER_PLACE),
      ]),
    );
    const { tls, timeoutMs, maxConnections } = settings;
    // A caller gives up after its time-out: a frame, or a handshake, that takes longer serves nobody.
    const socketClass = frameSocketClass(
      { maxBytes: maxFrameBytes(deps.maxPayloadBytes), deadlineMs: timeoutMs },
      deps.clock,
    );
    const tlsOptions = tls.server && { handshakeTimeout: timeoutMs, ...tls.server };
    this.server = reportingServer({ ...address, tlsOptions, socketClass }, deps.onTrouble);
    this.server.unwrap<Server>().maxConnections = maxConnections;
    this.server.addHandler(PATTERN, (data: unknown) => this.answer(data));
  }

  /** @throws if the address cannot be listened on */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      // Nest's own callback is not called for every error: EACCES, for one, would be waited for in vain.
      this.server.unwrap<Server>().once('error', reject);
      this.server.listen((error?: unknown) => (error ? reject(error as Error) : resolve()));
    }).catch((cause: unknown) => {
      throw new Error(`The direct transport cannot listen on ${addressText(this.address)}: ${errorText(cause)}`, {
        cause,
      });
    });
    if (!this.settings.tls.server && !isLoopback(this.server.unwrap<Server>()))
      this.deps.onTrouble(
        `listens on ${addressText(this.address)} without TLS: whoever can connect is believed, and can read along`,
      );
  }

  /** Answers new calls with `busy`; resolves when the running ones are answered, or when the time is over. */
  async stop(timeoutMs: number): Promise<void> {
    for (const lane of [...this.lanes.values(), this.others]) lane.close();
    await wait(this.deps.clock, timeoutMs, Promise.allSettled(this.running));
    await new Promise(setImmediate); // Nest writes a reply one tick after its handler is done
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const server = this.server.unwrap<Server>();
    const closed = server.listening ? new Promise((resolve) => server.once('close', resolve)) : undefined;
    this.server.close();
    await closed;
  }

  /** Never rejects: Nest would send no reply then, and the caller would wait until its time is over. */
  private async answer(data: unknown): Promise<Reply> {
    const reply = this.reply(data).catch((error: unknown): Reply => ({ kind: 'refused', problem: errorText(error) }));
    this.running.add(reply);
    try {
      return await reply;
    } finally {
      this.running.delete(reply);
    }
  }

  private async reply(data: unknown): Promise<Reply> {
    const wire = readRequest(data);
    const envelope = wire
      ? this.deps.codec.decode(wire, this.endpoint.service, { kind: 'call' })
      : malformed('it has no envelope');
    if (envelope.kind === 'malformed') return this.refuse(envelope);
    const lane = (envelope.kind === 'message' && this.lanes.get(envelope.message.type)) || this.others;
    return (await lane.runUnlessFull(() => this.handle(envelope))) ?? { kind: 'busy' };
  }

  private refuse(envelope: MalformedEnvelope): Reply {
    this.endpoint.onMalformed(envelope);
    return { kind: 'refused', problem: envelope.problem };
  }

  private async handle(envelope: MessageEnvelope | CancelEnvelope): Promise<Reply> {
    return toReply(await this.endpoint.onEnvelope(envelope), this.deps.codec);
  }
}

function toReply(reaction: Reaction, codec: Codec): Reply {
  switch (reaction.kind) {
    case 'answer': {
      const { to, receipt, trace } = reaction;
      return { kind: 'receipt', wire: codec.encode({ kind: 'receipt', to, receipt, trace }, to) };
    }
    case 'silence':
      return { kind: 'silence' };
    case 'quarantine':
      // The caller's row still has the message, and keeps it with this problem until a person has looked.
      return { kind: 'refused', problem: reaction.problem };
    default:
      return reaction satisfies never;
  }
}

/** By the address that was really taken, whatever name it was given. */
function isLoopback(server: Server): boolean {
  const { address } = server.address() as AddressInfo;
  return address === '::1' || address.startsWith('127.');
}

/** A ServerTCP that reports instead of logging, and takes calls only: an event has no reply. */
function reportingServer(
  options: ConstructorParameters<typeof ServerTCP>[0],
  report: (problem: string) => void,
): ServerTCP {
  const { ServerTCP } = nestMicroservices();
  class ReportingServer extends ServerTCP {
    override bindHandler(socket: Socket): void {
      socket.setNoDelay(true);
      const caller = `${socket.remoteAddress}:${socket.remotePort}`;
      socket.on('error', (error) => report(`connection from ${caller}: ${socketProblem(error)}`));
      super.bindHandler(socket);
    }

    /** Of a socket's error, which was reported above, Nest hands on only that there was one. */
    protected override handleError(error: unknown): void {
      if ((error as Error).constructor.name !== 'InvalidTcpDataReceptionException') report(errorText(error));
    }

    override handleEvent(): Promise<void> {
      report('something that is no call arrived and was dropped');
      return Promise.resolve();
    }
  }
  return new ReportingServer(options);
}
