import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort, TcpProxy } from '@tallystick/services';
import { PLAIN } from '../../message/codec';
import { encode, type Envelope } from '../../message/envelope';
import type { Endpoint, Transport } from '../../ports/transport';
import {
  CONTRACT_LISTENERS,
  CONTRACT_SERVICES,
  type ContractService,
  transportContract,
  type TransportFixture,
} from '../../testing/transport-contract';
import { SystemClock } from '../system/system-clock';
import { SystemRandom } from '../system/system-random';
import { direct } from './direct-factory';
import type { DirectOptions } from './direct-options';
import { PATTERN } from './replies';

/** Services that call each other through a bad network: one that can cut every connection. */
class DirectFixture implements TransportFixture {
  readonly capabilities = { returns: false, receiptsComeWithTheCall: true, keepsMessages: false };
  /** Where each service listens, and where the others reach it. */
  private readonly network = new Map<ContractService, { port: number; publicPort: number; proxy: TcpProxy }>();

  async setUp(): Promise<void> {
    for (const service of CONTRACT_SERVICES) {
      const port = await freePort();
      this.network.set(service, { port, publicPort: await freePort(), proxy: new TcpProxy({ targetPort: port }) });
    }
  }

  /** As in life, a service that was never started cannot even be connected to. */
  async connect(service: ContractService, endpoint: Endpoint): Promise<Transport> {
    const { port, publicPort, proxy } = this.network.get(service)!;
    if (proxy.port === 0) await proxy.listen(publicPort);
    const addresses = [...this.network].map(([name, each]) => [name, `127.0.0.1:${each.publicPort}`]);
    return this.start(service, endpoint, {
      listen: `127.0.0.1:${port}`,
      peers: Object.fromEntries(addresses) as Record<string, string>,
      listeners: CONTRACT_LISTENERS,
    });
  }

  connectToNobody(service: ContractService, endpoint: Endpoint): Promise<Transport> {
    return this.start(service, endpoint, { peers: { 'order-service': '127.0.0.1:1' } });
  }

  sendMalformed(service: ContractService): Promise<void> {
    return this.send(service, { not: 'an envelope' });
  }

  smuggle(envelope: Envelope, service: ContractService): Promise<void> {
    return this.send(service, { wire: encode(envelope) });
  }

  private async send(service: ContractService, data: object): Promise<void> {
    const frame = JSON.stringify({ pattern: PATTERN, id: '1', data });
    const socket = connect(this.network.get(service)!.port, '127.0.0.1');
    socket.write(`${frame.length}#${frame}`);
    await once(socket, 'data');
    socket.destroy();
  }

  async breakConnections(): Promise<void> {
    for (const { proxy } of this.network.values()) proxy.cut();
  }

  async tearDown(): Promise<void> {
    for (const { proxy } of this.network.values()) await proxy.close();
  }

  private async start(service: ContractService, endpoint: Endpoint, options: DirectOptions): Promise<Transport> {
    const transport = direct(options).create({
      service,
      clock: new SystemClock(),
      random: new SystemRandom(),
      monitor: { record: () => {} },
      codec: PLAIN,
      maxPayloadBytes: 262_144,
      resolve: () => undefined,
    });
    await transport.start(endpoint);
    return transport;
  }
}

describe('The direct transport keeps the contract of a transport:', () => {
  let fixture: DirectFixture;

  beforeEach(async () => {
    fixture = new DirectFixture();
    await fixture.setUp();
  });
  afterEach(() => fixture.tearDown());

  for (const { name, run } of transportContract()) it(name, () => run(fixture));
});
