import { type BrokerBehindProxy, brokerBehindProxy, RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import { transportContract } from '../../testing/transport-contract';

describe('RabbitMQ keeps the contract of a transport:', () => {
  let broker: BrokerBehindProxy;
  let fixture: RabbitMqFixture;

  beforeAll(async () => {
    broker = await brokerBehindProxy('contract');
  });
  afterAll(() => broker.proxy.close());

  beforeEach(() => {
    fixture = new RabbitMqFixture(broker.url, {
      adminUrl: broker.adminUrl,
      breakConnections: () => broker.proxy.cut(),
    });
  });
  afterEach(() => fixture.end());

  for (const { name, run } of transportContract()) it(name, () => run(fixture));
});
