import { TcpProxy, testBroker } from '@tallystick/services';
import { RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import { transportContract } from '../../testing/transport-contract';

describe('RabbitMQ keeps the contract of a transport:', () => {
  let adminUrl: string;
  let proxy: TcpProxy;
  let fixture: RabbitMqFixture;

  beforeAll(async () => {
    adminUrl = await testBroker('contract');
    const { hostname, port } = new URL(adminUrl);
    proxy = new TcpProxy({ targetHost: hostname, targetPort: Number(port) });
    await proxy.listen();
  });
  afterAll(() => proxy.close());

  beforeEach(() => {
    const url = new URL(adminUrl);
    url.host = `127.0.0.1:${proxy.port}`;
    fixture = new RabbitMqFixture(url.href, { adminUrl, breakConnections: () => proxy.cut() });
  });
  afterEach(() => fixture.end());

  for (const { name, run } of transportContract()) it(name, () => run(fixture));
});
