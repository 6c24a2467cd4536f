import { InvalidOptionsError } from '../../errors';
import { direct } from './direct-factory';
import { type DirectOptions, directSettings } from './direct-options';

describe('direct options', () => {
  it('reads addresses as text and in two parts', () => {
    const { listen, peers } = directSettings({
      listen: '0.0.0.0:4000',
      peers: { 'order-service': 'orders.internal:4001', six: '[::1]:4002', parts: { host: '10.0.0.7', port: 4003 } },
    });
    expect(listen).toEqual({ host: '0.0.0.0', port: 4000 });
    expect(Object.fromEntries(peers)).toEqual({
      'order-service': { host: 'orders.internal', port: 4001 },
      six: { host: '::1', port: 4002 },
      parts: { host: '10.0.0.7', port: 4003 },
    });
  });

  it('has defaults for everything but the addresses', () => {
    expect(directSettings({ listen: 'localhost:4000' })).toMatchObject({
      timeoutMs: 7_000,
      window: 32,
      maxConnections: 128,
      tls: {},
    });
  });

  it.each<[string, DirectOptions, RegExp]>([
    [
      'an option it does not know',
      { listen: 'a:1', windw: 3 } as DirectOptions,
      /unknown option 'windw'\. Did you mean 'window'/,
    ],
    ['an address without a port', { listen: 'localhost' }, /listen is "localhost"; write 'host:port'/],
    ['a port that does not exist', { listen: 'localhost:70000' }, /listen is "localhost:70000"/],
    ['an address of another type', { listen: 4000 as never }, /listen is 4000/],
    ['a peer with an impossible name', { peers: { 'Order Service': 'a:1' } }, /service name "Order Service"/],
    [
      'a listener without an address',
      { peers: { a: 'a:1' }, listeners: { 'x.y': ['b'] } },
      /names 'b', which is not one of peers \(a\)/,
    ],
    [
      'listeners that are no list',
      { peers: { a: 'a:1' }, listeners: { 'x.y': 'a' as never } },
      /listeners\['x.y'\] is "a"/,
    ],
    ['a type that is reserved', { peers: { a: 'a:1' }, listeners: { 'outbox.receipt': ['a'] } }, /is reserved/],
    ['a time-out of nothing', { listen: 'a:1', timeout: 0 }, /timeout 0 is no duration/],
    ['a time-out nobody can read', { listen: 'a:1', timeout: 'soon' }, /timeout "soon" is no duration/],
    ['a window that lets nothing through', { listen: 'a:1', window: 0 }, /window 0 must be a whole number from 1/],
    ['neither an address to listen on nor one to call', {}, /neither listen nor peers/],
  ])('refuses %s', (_, options, message) => {
    expect(() => direct(options)).toThrow(InvalidOptionsError);
    expect(() => direct(options)).toThrow(message);
  });

  it('reports all problems at once', () => {
    const attempt = (): unknown => direct({ listen: 'x', timeout: -1, window: 1.5 });
    expect(attempt).toThrow(/3 problems/);
  });
});
