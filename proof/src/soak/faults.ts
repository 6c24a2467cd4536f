import { setTimeout as lasts } from 'node:timers/promises';
import type { SeededRandom } from '@tallystick/outbox/testing';
import type { RabbitCluster } from '@tallystick/services';
import { DATABASES, type RigProcess } from '../rig';
import { LEASE_MS, type NetworkName, NETWORKS, onChannel, routeUnheard, type Stage } from './stage';

/** Faults of one lane come one after another, those of different lanes at the same time. */
export const LANES = ['processes', 'databases', 'broker', 'network'] as const;
export type Lane = (typeof LANES)[number];

/** Begins, lasts and ends before `strike` resolves; whom it hits and how long is the seed's choice. */
export interface FaultKind {
  readonly lane: Lane;
  /** How often it comes, in proportion to others: what takes a broker ten seconds comes less often. */
  readonly weight: number;
  strike(stage: Stage, random: SeededRandom): Promise<void>;
}

export const FAULTS = {
  'process killed': {
    lane: 'processes',
    weight: 3,
    async strike({ rig, crew }, random) {
      const process = random.pick(rig.all);
      await crew.kill(process);
      await lasts(random.below(1_000));
      await crew.start(process);
    },
  },
  /** Longer than a lease: when it wakes up, somebody else has its rows. */
  'process paused': {
    lane: 'processes',
    weight: 3,
    async strike({ rig }, random) {
      const process: RigProcess = random.pick(rig.all);
      await process.kill('SIGSTOP');
      await lasts(LEASE_MS * 1.25 + random.below(1_000));
      await process.kill('SIGCONT');
    },
  },
  'backends terminated': {
    lane: 'databases',
    weight: 3,
    async strike({ rig, database }, random) {
      const probability = random.pick([0.3, 1]);
      await rig.use(random.pick(['producer', 'consumer'] as const), ({ ask }) =>
        DATABASES[database].endConnections(ask, probability),
      );
    },
  },
  'database restarted at once': {
    lane: 'databases',
    weight: 2,
    strike: ({ server }) => server.crash(),
  },
  'broker killed': {
    lane: 'broker',
    weight: 1,
    async strike({ rabbit }, random) {
      await rabbit.flush(); // a queue that was declared in the last second would not survive: that is another fault
      await rabbit.kill();
      await lasts(random.below(1_000));
      await rabbit.start();
    },
  },
  'broker application restarted': {
    lane: 'broker',
    weight: 1,
    async strike({ rabbit }) {
      await rabbit.stopApp();
      await rabbit.startApp();
    },
  },
  'connections closed by the broker': {
    lane: 'broker',
    weight: 2,
    strike: ({ rabbit }) =>
      rabbit.evaluate(
        '[rabbit_networking:close_connection(Each, "maintenance") || Each <- rabbit_networking:connections()]',
      ),
  },
  'memory alarm': {
    lane: 'broker',
    weight: 1,
    async strike({ rabbit }, random) {
      await rabbit.evaluate('vm_memory_monitor:set_vm_memory_high_watermark(0.00001)');
      await lasts(500 + random.below(2_000));
      await rabbit.evaluate('vm_memory_monitor:set_vm_memory_high_watermark(0.4)');
    },
  },
  'disk alarm': {
    lane: 'broker',
    weight: 1,
    async strike({ rabbit }, random) {
      await rabbit.evaluate('rabbit_disk_monitor:set_disk_free_limit("999999GB")');
      await lasts(500 + random.below(2_000));
      await rabbit.evaluate('rabbit_disk_monitor:set_disk_free_limit("1MB")');
    },
  },
  /** With everything in it: only the producers know now. It may be gone already: nobody has declared it since. */
  'queue deleted': {
    lane: 'broker',
    weight: 2,
    async strike({ amqpUrl }, random) {
      const queue = random.pick([
        'rig-consumer.purchase.made',
        'rig-consumer.purchase.noted',
        'rig-consumer.cancel',
        'rig-producer.receipts',
      ]);
      await onChannel(amqpUrl, (channel) => channel.deleteQueue(queue));
      await routeUnheard(amqpUrl);
    },
  },
  'network cut': {
    lane: 'network',
    weight: 3,
    async strike({ networks }, random) {
      const network = networks[pickNetwork(random)];
      network.cut();
      if (!random.chance(0.5)) return;
      await network.refuse(true);
      await lasts(random.below(2_000));
      await network.refuse(false);
    },
  },
  /** Nothing passes, in one direction or both, and nobody is told. */
  'network half-open': {
    lane: 'network',
    weight: 2,
    async strike({ networks }, random) {
      const network = networks[pickNetwork(random)];
      network.freeze(random.pick(['up', 'down', 'both'] as const));
      await lasts(1_000 + random.below(3_000));
      if (random.chance(0.5)) network.cut();
      network.thaw();
    },
  },
  'network slow': {
    lane: 'network',
    weight: 2,
    async strike({ networks }, random) {
      const network = networks[pickNetwork(random)];
      network.delay(50 + random.below(150));
      await lasts(1_000 + random.below(2_000));
      network.delay(0);
    },
  },
} satisfies Record<string, FaultKind>;

/** MariaDB is one process, and can be paused with all that it holds: nobody is told, and its locks stay. */
export const MARIADB_FAULTS = {
  ...FAULTS,
  'database paused': {
    lane: 'databases',
    weight: 2,
    async strike({ server }, random) {
      const pid = server.pid!;
      process.kill(pid, 'SIGSTOP');
      await lasts(500 + random.below(LEASE_MS));
      process.kill(pid, 'SIGCONT');
    },
  },
} satisfies Record<string, FaultKind>;

/** With three brokers instead of one. Nothing is done to the only copy of anything, so nothing needs to be written down first. */
export const CLUSTER_FAULTS = {
  'process killed': FAULTS['process killed'],
  'backends terminated': FAULTS['backends terminated'],
  'leader killed': {
    lane: 'broker',
    weight: 2,
    async strike(stage, random) {
      const { cluster, vhost } = clusterOf(stage);
      const queue = random.pick(['rig-consumer.purchase.made', 'rig-producer.receipts'] as const);
      const leader = (await cluster.leaderOf(queue, vhost)) ?? random.pick(cluster.nodes);
      await leader.kill();
      await lasts(random.below(2_000));
      await leader.start();
      await cluster.whole();
    },
  },
  /** Clients and nodes wait for it, until their heartbeats and ticks are over. */
  'broker paused': {
    lane: 'broker',
    weight: 1,
    async strike(stage, random) {
      const { cluster } = clusterOf(stage);
      const pid = random.pick(cluster.nodes).pid!;
      process.kill(pid, 'SIGSTOP');
      await lasts(2_000 + random.below(8_000));
      process.kill(pid, 'SIGCONT');
      await cluster.whole();
    },
  },
  /** Its clients still reach it; it stops by itself, for it cannot know what the others decide. */
  'minority cut off': {
    lane: 'broker',
    weight: 2,
    async strike(stage, random) {
      const { cluster } = clusterOf(stage);
      const node = random.pick(cluster.nodes);
      await cluster.isolate(node);
      await lasts(2_000 + random.below(4_000));
      await cluster.rejoin(node);
      await cluster.whole();
    },
  },
} satisfies Record<string, FaultKind>;

function clusterOf({ cluster, amqpUrl: vhost }: Stage): { cluster: RabbitCluster; vhost: string } {
  if (!cluster) throw new Error('This fault needs a cluster of brokers.');
  return { cluster, vhost };
}

/** Kinds of fault by their names. */
export type FaultKinds = Readonly<Record<string, FaultKind>>;

function pickNetwork(random: SeededRandom): NetworkName {
  return random.pick(NETWORKS);
}
