import { TcpProxy, testBroker } from '@tallystick/services';
import { type Channel, connect, type GetMessage } from 'amqplib';
import { type RabbitMqOptions, RabbitMqTransport } from '../adapters/rabbitmq';
import { rabbitMqSettings } from '../adapters/rabbitmq/rabbitmq-options';
import { toProperties } from '../adapters/rabbitmq/wire';
import { SystemClock } from '../adapters/system/system-clock';
import { SystemRandom } from '../adapters/system/system-random';
import { PLAIN } from '../message/codec';
import { encode, type Envelope } from '../message/envelope';
import type { OutboxEvent } from '../message/events';
import type { Endpoint } from '../ports/transport';
import {
  CONTRACT_SERVICES,
  type ContractService,
  type SmugglersQueue,
  type TransportFixture,
} from './transport-contract-scenario';

/** Nobody listens on this port; connecting to it is refused. */
const NOBODY = 'amqp://guest:guest@127.0.0.1:1';

/** A broker for one file of tests, and a bad network before it: `url` leads through it, `adminUrl` past it. */
export interface BrokerBehindProxy {
  readonly url: string;
  readonly adminUrl: string;
  readonly proxy: TcpProxy;
}

export async function brokerBehindProxy(name: string): Promise<BrokerBehindProxy> {
  const adminUrl = await testBroker(name);
  const url = new URL(adminUrl);
  const proxy = new TcpProxy({ targetHost: url.hostname, targetPort: Number(url.port) });
  url.host = `127.0.0.1:${await proxy.listen()}`;
  return { url: url.href, adminUrl, proxy };
}

/** Services on one broker, and what an operator can do to it through its front door. */
export class RabbitMqFixture implements TransportFixture {
  readonly capabilities = { returns: true, receiptsComeWithTheCall: false, keepsMessages: true };
  /** What the transports reported. */
  readonly events: OutboxEvent[] = [];
  private readonly transports: RabbitMqTransport[] = [];

  constructor(
    /** Where the transports connect: the broker itself, or a bad network before it. */
    readonly url: string,
    private readonly options: {
      /** Where the operator connects. @default url */
      readonly adminUrl?: string;
      readonly breakConnections?: () => void;
    } = {},
  ) {}

  async breakConnections(): Promise<void> {
    this.options.breakConnections!();
  }

  transport(service: ContractService, options: RabbitMqOptions = {}): RabbitMqTransport {
    const transport = new RabbitMqTransport(rabbitMqSettings({ url: this.url, ...options }), {
      service,
      clock: new SystemClock(),
      random: new SystemRandom(),
      monitor: { record: (event) => this.events.push(event) },
      codec: PLAIN,
      maxPayloadBytes: 262_144,
      resolve: () => undefined,
    });
    this.transports.push(transport);
    return transport;
  }

  async connect(service: ContractService, endpoint: Endpoint, options?: RabbitMqOptions): Promise<RabbitMqTransport> {
    const transport = this.transport(service, options);
    await transport.start(endpoint);
    return transport;
  }

  connectToNobody(service: ContractService, endpoint: Endpoint): Promise<RabbitMqTransport> {
    return this.connect(service, endpoint, { url: NOBODY });
  }

  sendMalformed(service: ContractService): Promise<void> {
    return this.admin(async (channel) => {
      channel.publish('outbox.requests', `${service}.order.requested`, Buffer.from('{"not": "an envelope"'));
    });
  }

  /** Into the queue itself, as whoever may write to the default exchange can. */
  smuggle(envelope: Envelope, service: ContractService, queue: SmugglersQueue): Promise<void> {
    return this.admin(async (channel) => {
      const wire = encode(envelope);
      channel.sendToQueue(`${service}.${queue}`, Buffer.from(wire.body), toProperties(wire, undefined));
    });
  }

  /** What the transports said went wrong. */
  troubles(): string[] {
    return this.events.flatMap((event) => (event.event === 'transport.trouble' ? [event.problem] : []));
  }

  /** On a connection and channel of its own, past the transports. Resolves when the broker has taken it all. */
  async admin<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const connection = await connect(this.options.adminUrl ?? this.url);
    connection.on('error', () => {}); // `work` rejects as well
    try {
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      const result = await work(channel);
      await channel.close();
      return result;
    } finally {
      await connection.close().catch(() => {});
    }
  }

  /** The next message of a queue, which is then taken off it. */
  take(queue: string): Promise<GetMessage | false> {
    return this.admin((channel) => channel.get(queue, { noAck: true }));
  }

  /** How many messages wait in a queue, unacknowledged ones not counted. */
  waiting(queue: string): Promise<number> {
    return this.admin(async (channel) => (await channel.checkQueue(queue)).messageCount);
  }

  /** Ends everything and leaves the broker as if nothing had been. */
  async end(): Promise<void> {
    await Promise.all(this.transports.splice(0).map((transport) => transport.close()));
    await this.admin(async (channel) => {
      for (const service of CONTRACT_SERVICES) {
        for (const queue of ['order.requested', 'user.registered', 'cancel', 'receipts', 'quarantine']) {
          await channel.deleteQueue(`${service}.${queue}`);
        }
      }
      for (const exchange of ['requests', 'announcements', 'receipts', 'quarantine'])
        await channel.deleteExchange(`outbox.${exchange}`);
    });
  }
}
