import { PLAIN } from '../../message/codec';
import { encode } from '../../message/envelope';
import { transportContract, type TransportFixture } from '../../testing/transport-contract';
import { SystemClock } from '../../adapters/system/system-clock';
import { SystemRandom } from '../../adapters/system/system-random';
import { MemoryBroker } from './memory-broker';
import { memory } from './memory-transport';

/** In real time, as the contract is written. */
function fixture(): TransportFixture {
  const clock = new SystemClock();
  const broker = new MemoryBroker(clock);
  const nobody = new MemoryBroker(clock);
  nobody.interrupt();
  const connectTo = async (
    to: MemoryBroker,
    ...[service, endpoint]: Parameters<TransportFixture['connect']>
  ): ReturnType<TransportFixture['connect']> => {
    const monitor = { record: () => undefined };
    const deps = {
      service,
      clock,
      random: new SystemRandom(),
      monitor,
      codec: PLAIN,
      maxPayloadBytes: 262_144,
      resolve: () => undefined,
    };
    const transport = memory(to).create(deps);
    await transport.start(endpoint);
    return transport;
  };
  return {
    capabilities: { returns: true, receiptsComeWithTheCall: false, keepsMessages: true },
    connect: (service, endpoint) => connectTo(broker, service, endpoint),
    connectToNobody: (service, endpoint) => connectTo(nobody, service, endpoint),
    sendMalformed: async (service) => broker.inject(`${service}.order.requested`, { body: 'no envelope' }),
    smuggle: async (envelope, service, queue) => broker.inject(`${service}.${queue}`, encode(envelope)),
    breakConnections: async () => {
      broker.interrupt();
      broker.resume();
    },
  };
}

describe('MemoryTransport as a transport', () => {
  for (const { name, run } of transportContract()) it(name, () => run(fixture()));
});
