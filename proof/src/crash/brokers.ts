import type { PrivateNode, RabbitCluster } from '@tallystick/services';
import type { ClusterAction, Point } from './points';

/** From here on a message is on its way back. */
const RECEIPT: readonly Point[] = [
  'receipt published',
  'receipt confirmed',
  'acknowledged',
  'receipt delivered',
  'receipt acknowledged',
];

/** Three brokers, of which one at a time is hurt: the one that leads the queue in which the message is, or is about to be. */
export class Brokers {
  private heal: (() => Promise<void>) | undefined;

  constructor(
    private readonly cluster: RabbitCluster,
    private readonly vhost: string,
  ) {}

  async strike(action: ClusterAction, point: Point): Promise<void> {
    const queue = RECEIPT.includes(point) ? 'rig-producer.receipts' : 'rig-consumer.purchase.made';
    const leader = await this.cluster.leaderOf(queue, this.vhost);
    if (!leader) throw new Error(`Nobody leads ${queue}.`);
    this.heal = () => this.mend(action, leader);
    await (action === 'the leader of its queue killed' ? leader.kill() : this.cluster.isolate(leader));
  }

  /** Resolves when all three are there again. */
  async whole(): Promise<void> {
    await this.heal?.();
    this.heal = undefined;
  }

  private async mend(action: ClusterAction, node: PrivateNode): Promise<void> {
    await (action === 'the leader of its queue killed' ? node.start() : this.cluster.rejoin(node));
    await this.cluster.whole();
  }
}
