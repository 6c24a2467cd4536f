import { once } from 'node:events';
import { createServer } from 'node:net';
import { connectTestRabbit, freePort, testBroker } from '@tallystick/services';
import { Demo, givenDatabases, urlsOf } from './demo.fixture';

jest.setTimeout(180_000);

/** No queue and no exchange but those every virtual host has. */
async function expectNothingAt(amqpUrl: string): Promise<void> {
  const broker = connectTestRabbit();
  if (!broker.supportsFaults) return; // there may be the queues of others
  const vhost = new URL(amqpUrl).pathname.slice(1);
  expect(await broker.ctl('list_queues', '--vhost', vhost, '--no-table-headers', 'name')).toBe('');
  const exchanges = (await broker.ctl('list_exchanges', '--vhost', vhost, '--no-table-headers', 'name')).split('\n');
  expect(exchanges.filter((name) => name.trim() && !name.startsWith('amq.'))).toEqual([]);
}

/** Beside the steps stand the rows: the verdict is in the inbox before user-service has heard of it, and asked for again. */
function expectRows(output: string): void {
  expect(output).toMatch(/GET \/purchases\/… → completed.* │ completed · \d+ · accepted → accepted$/m);
  expect(output).toMatch(/GET \/purchases\/… → refunded.* │ compensated · \d+ · rejected → rejected OUT_OF_STOCK$/m);
  const [, lost, twice] = /^5\. ([^]*)^6\. [^]*^7\. ([^]*)/m.exec(output)!;
  for (const chapter of [lost!, twice!]) {
    expect(chapter).toMatch(/GET \/orders\/… → .* │ (pending|sent) · 1 · – → accepted$/m);
    expect(chapter).toMatch(/GET \/purchases\/… → completed.* │ completed · \d+ · accepted → accepted$/m);
  }
}

describe('the story', () => {
  it('is played over direct calls, on an embedded PostgreSQL, and leaves nothing behind', async () => {
    const demo = await Demo.start(['--transport', 'direct', '--once']);

    expect({ code: await demo.exitCode(), output: demo.output }).toMatchObject({ code: 0 });
    expect(demo.ready).toMatchObject({
      user: expect.stringMatching(/^http:\/\/127.0.0.1:\d+$/),
      order: expect.stringMatching(/^http:\/\/127.0.0.1:\d+$/),
      databases: { user: expect.stringMatching(/^postgres/), order: expect.stringMatching(/^postgres/) },
      transport: 'direct',
      broker: null,
    });
    expect(demo.output).not.toContain('✗');
    expect(demo.output).toContain('✓ Money is conserved');
    expect(demo.output).not.toContain('\u001b['); // no colours: nobody is looking
    expectRows(demo.output);
    await demo.expectNothingLeft();
  });

  it('is played on a private MariaDB, and leaves nothing behind', async () => {
    const demo = await Demo.start(['--database', 'mariadb', '--transport', 'direct', '--once']);

    expect({ code: await demo.exitCode(), output: demo.output }).toMatchObject({ code: 0 });
    expect(demo.ready.databases).toEqual({
      user: expect.stringMatching(/^mysql:/),
      order: expect.stringMatching(/^mysql:/),
    });
    expect(demo.output).not.toContain('✗');
    expect(demo.output).toContain('✓ Money is conserved');
    expectRows(demo.output);
    await demo.expectNothingLeft();
  });

  it('is played over RabbitMQ, and again on the same databases, until somebody presses Ctrl-C', async () => {
    const databases = await givenDatabases();
    const AMQP_URL = await testBroker('demo');
    const environment = { AMQP_URL, ...urlsOf(databases) };
    const first = await Demo.start(
      ['--transport', 'rabbitmq', '--once', '--lang', 'zh', '--pause'], // nobody sits there: no pause
      environment,
    );
    expect({ code: await first.exitCode(), output: first.output }).toMatchObject({ code: 0 });
    expect(first.output).not.toContain('✗');
    expect(first.output).toContain('✓ 钱一分不差');
    expect(first.output).not.toContain('按回车继续');
    expectRows(first.output);
    await first.expectNothingLeft();
    await expectNothingAt(AMQP_URL);

    const second = await Demo.start([], environment);
    await second.says('go on serving');
    expect(second.ready).toMatchObject({ transport: 'rabbitmq', broker: AMQP_URL, databases });
    expect(second.output).not.toContain('✗');
    expect((await fetch(`${second.ready.user}/health/ready`)).status).toBe(200);
    second.kill('SIGINT');
    expect(await second.exitCode()).toBe(0); // that was all that was asked for
    await second.expectNothingLeft();
    await expectNothingAt(AMQP_URL);
  });
});

describe('Ctrl-C', () => {
  it.each(['PostgreSQL: creating', 'user-service and order-service: starting'])('while it says "%s"', async (text) => {
    const demo = await Demo.start(['--transport', 'direct']);
    await demo.says(text);
    demo.kill('SIGINT');
    expect(await demo.exitCode()).toBe(130);
    expect(demo.output).not.toMatch(/^ready /m);
    await demo.expectNothingLeft();
  });

  it('during the story', async () => {
    const demo = await Demo.start(['--transport', 'direct']);
    await demo.says('1. A purchase completes');
    demo.kill('SIGINT');
    expect(await demo.exitCode()).toBe(130);
    expect(demo.output).toContain('SIGINT: stopping');
    await demo.expectNothingLeft();
  });
});

describe('when something goes wrong', () => {
  it('a service that dies is reported with its last words, and ends the demo', async () => {
    const demo = await Demo.start(['--transport', 'direct'], urlsOf(await givenDatabases()));
    await demo.says('1. A purchase completes');
    await demo.killService('user-service');
    expect(await demo.exitCode()).toBe(1);
    expect(demo.output).toMatch(
      /user-service ended unexpectedly \(SIGKILL\). Its last lines:\n {2}\| user-service listening/,
    );
    await demo.expectNothingLeft();
  });

  it('a service that cannot start is reported with its reason', async () => {
    const environment = { ...urlsOf(await givenDatabases()), LOG_LEVEL: 'loud' };
    const demo = await Demo.start(['--transport', 'direct', '--once'], environment);
    expect(await demo.exitCode()).toBe(1);
    expect(demo.output).toMatch(/-service ended unexpectedly \(exit code 1\). Its last lines:[^]*LOG_LEVEL/);
    await demo.expectNothingLeft();
  });

  it('a database that does not let us in is named, without its password', async () => {
    const { user, order } = await givenDatabases();
    const missing = Object.assign(new URL(order), { pathname: '/no_such_database', password: 's3cret' }).href;
    const demo = await Demo.start(['--transport', 'direct'], urlsOf({ user, order: missing }));
    expect(await demo.exitCode()).toBe(1);
    expect(demo.output).toContain('The database of DATABASE_URL_ORDER does not let us in: database "no_such_database"');
    expect(demo.output).not.toContain('s3cret');
    await demo.expectNothingLeft();
  });

  it('the demo itself is killed: its services and servers end by themselves', async () => {
    const demo = await Demo.start(['--transport', 'direct']);
    await demo.says('1. A purchase completes');
    demo.kill('SIGKILL');
    await demo.expectNothingLeft();
  });

  it('a busy port is named at once, with what to do about it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const demo = await Demo.start(['--ports', `${await freePort()},${port}`]);
    expect(await demo.exitCode()).toBe(1);
    expect(demo.output).toMatch(
      new RegExp(`^Port ${port}, for order-service, is in use by another program.\nStop .* --ports \\d+,\\d+\n$`),
    );
    await demo.expectNothingLeft();
    server.close();
  });

  it('a broker that does not let us in is named, without its password', async () => {
    const demo = await Demo.start([], { AMQP_URL: 'amqp://ada:s3cret@127.0.0.1:1', ...urlsOf(await givenDatabases()) });
    expect(await demo.exitCode()).toBe(1);
    expect(demo.output).toMatch(/^The broker of AMQP_URL .*127.0.0.1:1.* does not let us log in/m);
    expect(demo.output).not.toMatch(/s3cret|\n {4}at /);
    await demo.expectNothingLeft();
  });

  it('one database alone is refused: both or none', async () => {
    const demo = await Demo.start([], { DATABASE_URL_USER: 'postgresql://localhost/user' });
    expect(await demo.exitCode()).toBe(1);
    expect(demo.output).toContain('Set both DATABASE_URL_USER and DATABASE_URL_ORDER, or neither.');
    await demo.expectNothingLeft();
  });

  it.each(['3001', '3001,3001', '3001,70000', 'a,b'])('--ports %s is refused', async (ports) => {
    const demo = await Demo.start(['--ports', ports]);
    expect(await demo.exitCode()).toBe(1);
    expect(demo.output).toContain('Write two different ports: 3001,3002');
    await demo.expectNothingLeft();
  });
});

it('--help says what there is to choose', async () => {
  const demo = await Demo.start(['--help']);
  expect(await demo.exitCode()).toBe(0);
  for (const word of ['--lang', '--once', '--pause', '--ports', '--transport', 'AMQP_URL', 'DATABASE_URL_USER']) {
    expect(demo.output).toContain(word);
  }
  await demo.expectNothingLeft();
});
