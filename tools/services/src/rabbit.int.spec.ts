import { connect } from 'amqplib';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import {
  Cleanup,
  connectTestRabbit,
  findRabbit,
  portAnswers,
  rabbitAnswers,
  rabbitInstalled,
  type RabbitServer,
  RabbitUnavailableError,
  startRabbit,
  testBroker,
  until,
} from './index';
import { isRunning } from './processes';

// Booting Erlang machines, also small ones for rabbitmqctl, takes its time on a busy computer.
jest.setTimeout(120_000);

const directoryOf = (server: RabbitServer): string => / in (.*)$/.exec(server.origin)![1]!;
const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } };

async function publish(url: string, queue: string, text: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, quorum);
  channel.sendToQueue(queue, Buffer.from(text), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

async function take(url: string, queue: string): Promise<string | undefined> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, quorum);
  const message = await channel.get(queue, { noAck: true });
  await connection.close();
  return message ? message.content.toString() : undefined;
}

// Without an installed RabbitMQ the run may still have a broker (a container, AMQP_URL), but not one to start here.
(rabbitInstalled() ? describe : describe.skip)('startRabbit', () => {
  const cleanup = new Cleanup();
  let server: RabbitServer;

  beforeAll(async () => {
    server = cleanup.stopLater(await startRabbit());
  });
  afterAll(() => cleanup.run());

  it('keeps confirmed messages over kill and start, on the same port', async () => {
    await publish(server.url, 'kept', 'hello');
    await server.flush();
    const { pid } = server;
    await server.kill();
    expect(await isRunning(pid!)).toBe(false);
    expect(await rabbitAnswers(server.url)).toBe(false);

    await server.start();
    expect(await take(server.url, 'kept')).toBe('hello');
  });

  it('stops and starts the application within the node', async () => {
    const { pid } = server;
    await server.stopApp();
    expect(await rabbitAnswers(server.url)).toBe(false);
    await server.startApp();
    expect(await rabbitAnswers(server.url)).toBe(true);
    expect(server.pid).toBe(pid);
  });

  it('closes the connections of one virtual host and tells them why', async () => {
    const [one, other] = [await server.createVhost(), await server.createVhost()];
    const [victim, bystander] = [await connect(one), await connect(other)];
    const told = new Promise<Error>((resolve) => victim.on('close', resolve)); // amqplib: no 'error' for this one
    bystander.on('error', () => {});
    await until('the broker lists the connection', async () =>
      (await server.ctl('list_connections', 'vhost')).includes(one.split('/').at(-1)!),
    );
    await server.closeConnections('for a test', one);
    expect((await told).message).toContain('for a test');
    await bystander.createChannel();
    await bystander.close();
    await server.deleteVhost(one);
    expect(await rabbitAnswers(one)).toBe(false);
  });

  it('evaluates an expression inside the broker, and does not hide that it failed', async () => {
    await server.evaluate('true = rabbit:is_running(), application:set_env(rabbit, told, "by a test")');
    expect(await server.ctl('eval', 'application:get_env(rabbit, told).')).toBe('{ok,"by a test"}');
    await expect(server.evaluate('1 = 2')).rejects.toThrow('badmatch');
  });

  it('adds a user with no more rights than asked for', async () => {
    const vhost = await server.createVhost();
    const connection = await connect(await server.addUser({ name: 'reader', vhost, read: '^public$' }));
    const channel = await connection.createChannel();
    const refused = new Promise<Error>((resolve) => channel.on('error', resolve));
    await expect(channel.assertQueue('mine')).rejects.toThrow('ACCESS_REFUSED');
    await refused;
    await connection.close();
    expect((await readdir(directoryOf(server))).filter((name) => name.startsWith('definitions'))).toEqual([]);
  });

  it('leaves no process, port or directory behind', async () => {
    const another = await startRabbit();
    const { pid, port } = another;
    expect(await portAnswers(port)).toBe(true);
    expect(await isRunning(pid!)).toBe(true);

    await another.stop();
    await another.stop();
    expect(await isRunning(pid!)).toBe(false);
    expect(await portAnswers(port)).toBe(false);
    expect(existsSync(directoryOf(another))).toBe(false);
  });

  it('says why it could not start', async () => {
    await expect(startRabbit({ settings: { no_such_setting: '1' } })).rejects.toThrow(/no_such_setting/);
  });
});

describe('findRabbit', () => {
  it('uses a given broker as it is, and can do nothing else to it', async () => {
    const { url } = connectTestRabbit();
    const given = await findRabbit({ url });
    expect(given).toMatchObject({ url, started: false, supportsFaults: false });
    expect(await given.createVhost()).toBe(url);
    await expect(given.ctl('status')).rejects.toThrow('a broker that this package started');
    await expect(given.kill()).rejects.toThrow('not ours');
    await given.stop();
    expect(await rabbitAnswers(url)).toBe(true);
  });

  it('does not look further when the given broker is down', async () => {
    const error: Error = await findRabbit({ url: 'amqp://guest:secret@127.0.0.1:1' }).catch((reason) => reason);
    expect(error).toBeInstanceOf(RabbitUnavailableError);
    expect(error.message).toContain('127.0.0.1:1');
    expect(error.message).not.toContain('secret');
  });
});

describe('testBroker', () => {
  it('gives each test a virtual host of its own', async () => {
    const [one, other] = [await testBroker('mine'), await testBroker('mine')];
    expect(await rabbitAnswers(one)).toBe(true);
    expect(one === other).toBe(!connectTestRabbit().supportsFaults);
  });
});
