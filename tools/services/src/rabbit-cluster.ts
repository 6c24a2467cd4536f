import { randomBytes } from 'node:crypto';
import { Cleanup } from './cleanup';
import { freePort } from './ports';
import { type PrivateNode, type RabbitOptions, startPrivateNode } from './rabbit-node';
import { until } from './until';

const NODES = 3;
/** As docs/operations.md asks of those who run a cluster: whoever is in the minority stops, and so cannot contradict. */
const PARTITIONS = { cluster_partition_handling: 'pause_minority' };

/**
 * Three private nodes that form a cluster, on loopback. What is done to one of them, the others and their clients see as
 * they would between hosts: a node that is killed, stands still, or is cut off from the others.
 */
export async function startRabbitCluster(options: Omit<RabbitOptions, 'port'> = {}): Promise<RabbitCluster> {
  const cleanup = new Cleanup();
  const cookie = randomBytes(12).toString('hex');
  const epmd = await freePort();
  const settings = { ...PARTITIONS, ...options.settings };
  const nodes: PrivateNode[] = [];
  try {
    for (let index = 0; index < NODES; index++) {
      const membership = { cookie, epmd, joins: nodes[0]?.name };
      nodes.push(cleanup.stopLater(await startPrivateNode({ ...options, settings }, membership)));
    }
    const cluster = new RabbitCluster(nodes, cleanup);
    await cluster.whole();
    return cluster;
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

export class RabbitCluster {
  constructor(
    readonly nodes: readonly PrivateNode[],
    private readonly cleanup: Cleanup,
  ) {}

  /** An empty virtual host. @returns its address at every node */
  async createVhost(name?: string): Promise<string[]> {
    const vhost = new URL(await this.nodes[0]!.createVhost(name)).pathname;
    return this.nodes.map(({ url }) => new URL(vhost, url).href);
  }

  /** Resolves when every node sees all others. */
  async whole(): Promise<void> {
    const seen = `${NODES} = length([Node || Node <- [node() | nodes()], rabbit:is_running(Node)])`;
    for (const node of this.nodes) {
      const complete = (): Promise<boolean> =>
        node.evaluate(seen).then(
          () => true,
          () => false,
        );
      await until(`${node.name} sees the whole cluster`, complete, { timeoutMs: 90_000, everyMs: 200 });
    }
  }

  /** The node that leads a quorum queue now; undefined while none does. */
  async leaderOf(queue: string, vhost: string): Promise<PrivateNode | undefined> {
    const name = decodeURIComponent(new URL(vhost).pathname.slice(1));
    for (const asked of this.nodes.filter(({ pid }) => pid !== undefined)) {
      for (const node of this.nodes) {
        const leads = await asked
          .evaluate(
            `{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"${name}">>, queue, <<"${queue}">>)), ` +
              `true = (proplists:get_value(leader, rabbit_quorum_queue:info(Q, [leader])) =:= '${node.name}')`,
          )
          .then(
            () => true,
            () => false,
          );
        if (leads) return node;
      }
    }
    return undefined;
  }

  /** Nothing passes between this node and the others, in both directions; clients still reach it. `rejoin` ends it. */
  async isolate(node: PrivateNode): Promise<void> {
    // Machines with different cookies refuse each other: no connection is left, and none can be made.
    for (const other of this.others(node)) await setCookie(other, node, 'out');
    for (const other of this.others(node)) await setCookie(node, other, 'in');
    // All at once: of a node that one of them still sees the others think that they themselves are cut off.
    const others = this.others(node).map(({ name }) => `'${name}'`);
    await node.evaluate(`[erlang:disconnect_node(Other) || Other <- [${others.join(', ')}]]`);
  }

  async rejoin(node: PrivateNode): Promise<void> {
    for (const other of this.others(node)) await setCookie(other, node);
    for (const other of this.others(node)) await setCookie(node, other);
  }

  async stop(): Promise<void> {
    await this.cleanup.run();
  }

  private others(node: PrivateNode): PrivateNode[] {
    return this.nodes.filter((each) => each !== node);
  }
}

/** @param word another one than everybody knows; default: that */
async function setCookie(at: PrivateNode, towards: PrivateNode, word?: string): Promise<void> {
  const cookie = word === undefined ? 'erlang:get_cookie()' : `'${word}'`;
  await at.evaluate(`erlang:set_cookie('${towards.name}', ${cookie})`);
}
