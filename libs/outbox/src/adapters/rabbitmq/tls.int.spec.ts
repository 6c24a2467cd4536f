import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Cleanup, freePort, rabbitInstalled, startRabbit, until } from '@tallystick/services';
import { RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import { ContractEndpoint, request, requests } from '../../testing/transport-contract-scenario';
import type { RabbitMqOptions } from './rabbitmq-options';

/** The certificate is for this address and no other name of this host. */
const ADDRESS = '127.0.0.1';

/** A broker of our own: the one of the test run has no listener for TLS. */
describe('over amqps', () => {
  const cleanup = new Cleanup();
  const absent = !rabbitInstalled(); // then the broker of this run was given to us, or is in a container
  let port: number;
  let ca: Buffer;
  let fixture: RabbitMqFixture;

  beforeAll(async () => {
    if (absent) return;
    const directory = await mkdtemp(join(tmpdir(), 'tls-'));
    cleanup.defer(() => rm(directory, { recursive: true }));
    await certificates(directory);
    ca = await readFile(join(directory, 'ca.pem'));
    port = await freePort();
    const broker = await startRabbit({
      settings: {
        'listeners.ssl.default': `${ADDRESS}:${port}`,
        'ssl_options.cacertfile': join(directory, 'ca.pem'),
        'ssl_options.certfile': join(directory, 'server.pem'),
        'ssl_options.keyfile': join(directory, 'server.key'),
      },
    });
    cleanup.stopLater(broker);
    fixture = new RabbitMqFixture(`amqps://guest:guest@${ADDRESS}:${port}`, { adminUrl: broker.url });
  }, 90_000);
  afterAll(() => cleanup.run(), 30_000);
  afterEach(() => fixture?.end());

  it('messages and receipts travel if the certificate is signed by the CA that was given', async () => {
    if (absent) return;
    const [orders, users] = [
      new ContractEndpoint('order-service', [requests(1)]),
      new ContractEndpoint('user-service', []),
    ];
    await fixture.connect('order-service', orders, { tls: { ca } });
    const producer = await fixture.connect('user-service', users, { tls: { ca } });

    expect(await producer.publish(request(), 'order-service')).toEqual({ kind: 'confirmed' });

    await until('the receipt comes', () => users.receipts.length === 1);
  });

  it.each<[string, () => RabbitMqOptions, string]>([
    ['signed by nobody we know', () => ({}), 'certificate'],
    [
      'for another host',
      () => ({ tls: { ca }, url: `amqps://guest:guest@localhost:${port}` }),
      "does not match certificate's altnames",
    ],
  ])('nothing is said to a broker whose certificate is %s', async (_, options, problem) => {
    if (absent) return;
    const transport = await fixture.connect('order-service', new ContractEndpoint('order-service', []), options());

    expect(transport.ready).toBe(false);
    expect(transport.describe()).toMatchObject({ connected: false, consumers: { actual: 0 } });
    expect(await transport.publish(request(), 'order-service')).toEqual({ kind: 'unavailable' });
    expect(fixture.troubles().at(-1)).toContain(problem);
  });
});

/** A CA, and a certificate that it signed for the broker; both expire tomorrow. */
async function certificates(directory: string): Promise<void> {
  const openssl = (...args: string[]): Promise<unknown> => promisify(execFile)('openssl', args, { cwd: directory });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/CN=Test CA');
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=broker');
  await writeFile(join(directory, 'names'), `subjectAltName = IP:${ADDRESS}\n`);
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '1'];
  await openssl('x509', '-req', '-in', 'server.csr', ...sign, '-out', 'server.pem');
}
