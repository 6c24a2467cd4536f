import { connect } from 'amqplib';
import { type RabbitCluster, startRabbitCluster } from './rabbit-cluster';
import { rabbitAnswers } from './rabbit-control';
import { until } from './until';

describe('A cluster of three', () => {
  let cluster: RabbitCluster;
  let urls: string[];
  beforeAll(async () => {
    cluster = await startRabbitCluster();
    urls = await cluster.createVhost('shared');
  });
  afterAll(() => cluster.stop());

  const put = async (url: string, queue: string): Promise<void> => {
    const connection = await connect(url);
    connection.on('error', () => {});
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue(queue, Buffer.from('kept'));
    await channel.waitForConfirms();
    await connection.close();
  };
  const count = async (url: string, queue: string): Promise<number> => {
    const connection = await connect(url);
    connection.on('error', () => {});
    const channel = await connection.createChannel();
    const { messageCount } = await channel.checkQueue(queue);
    await connection.close();
    return messageCount;
  };

  it('keeps a confirmed message when the leader of its queue is killed', async () => {
    await put(urls[1]!, 'led');
    const leader = (await cluster.leaderOf('led', urls[0]!))!;
    await leader.kill();
    const survivor = urls[(cluster.nodes.indexOf(leader) + 1) % 3]!;
    const found = (): Promise<boolean> =>
      count(survivor, 'led').then(
        (n) => n === 1,
        () => false,
      );
    await until('another node leads', found, { timeoutMs: 60_000, everyMs: 200 });
    await leader.start();
    await cluster.whole();
  });

  it('lets a node that is cut off stop, and takes it back', async () => {
    const [, , node] = cluster.nodes;
    await cluster.isolate(node!);
    const paused = async (): Promise<boolean> => !(await rabbitAnswers(urls[2]!));
    await until('the minority pauses', paused, { timeoutMs: 60_000, everyMs: 200 });
    await until('the majority serves', () => rabbitAnswers(urls[0]!), { timeoutMs: 60_000, everyMs: 200 });
    await put(urls[0]!, 'meanwhile');
    await node!.evaluate('[] = nodes()'); // still: it does not come back by itself
    await cluster.rejoin(node!);
    await cluster.whole();
    const served = (): Promise<boolean> =>
      count(urls[2]!, 'meanwhile').then(
        (n) => n === 1,
        () => false,
      );
    await until('it serves again, with what came meanwhile', served, { timeoutMs: 60_000, everyMs: 200 });
  });
});
