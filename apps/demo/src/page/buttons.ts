import type { BrokerSwitch, Line, Slowness } from '../line';
import type { ServiceProcess } from '../service-process';
import type { Evidence } from './evidence';
import type { ButtonName, Obstacle } from './page';
import type { Copier } from './queues';
import type { Scene } from './scene';
import type { Steering } from './steering';

/** What can be done to this demo. Absent is what makes no sense here, or is not ours to do. */
export interface Means {
  readonly transport: 'rabbitmq' | 'direct';
  readonly userService: Pick<ServiceProcess, 'crash' | 'start'>;
  readonly orderService: Pick<ServiceProcess, 'crash' | 'start'>;
  readonly steering: Steering;
  readonly line?: Line;
  readonly brokerSwitch?: BrokerSwitch;
  readonly copier?: Copier;
  readonly slowness?: Slowness;
}

export interface Button {
  /** Why it makes no sense. */
  obstacle?(means: Means): Obstacle | undefined;
  /** Does what its texts say, and notes what was seen meanwhile. Whatever it broke is whole again when it ends. */
  play(scene: Scene, means: Means): Promise<void>;
}

/** How long something stays broken, so that a person sees it. */
const HOLD_MS = 2_000;
/** Between two purchases that only ask whether the relay knows yet: all of them together take longer than it needs. */
const PROBE_MS = 250;
/** As the button says. */
const RECEIPTS_LOST_MS = 10_000;
/** Of each direction, of each of the handler's round trips to its database. */
const LATE_MS = 120;

const FEW = 5;
const MANY = 40;

const noBroker = ({ transport, brokerSwitch }: Means): Obstacle | undefined =>
  transport === 'direct' ? 'noBroker' : brokerSwitch ? undefined : 'noLine';

export const BUTTONS: Readonly<Record<ButtonName, Button>> = {
  buyOne: { play: (scene) => shopping(scene, 1) },

  buyHundred: { play: (scene) => shopping(scene, 100) },

  sellOut: {
    play: async (scene) => {
      await scene.open({ wants: 8, shelf: FEW });
      await scene.buy(8);
      await scene.settles();
    },
  },

  killOrder: {
    play: (scene, { orderService }) =>
      whileAway(scene, {
        before: FEW,
        away: 2 * FEW,
        leave: async () => {
          await orderService.crash();
          scene.tell('killed');
        },
        comeBack: async () => {
          await orderService.start();
          scene.tell('back');
        },
      }),
  },

  killUser: {
    play: async (scene, { userService }) => {
      await scene.open({ wants: MANY, shelf: MANY });
      const buying = scene.buy(MANY);
      buying.catch(() => {}); // awaited below
      await scene.sees(({ purchases }) => purchases.length >= FEW);
      await userService.crash();
      scene.tell('killed');
      try {
        scene.note({ meanwhile: await scene.look() });
        await scene.wait(HOLD_MS);
      } finally {
        await again(scene, () => userService.start());
      }
      scene.tell('back');
      await buying;
      await scene.settles();
    },
  },

  stopBroker: {
    obstacle: noBroker,
    play: (scene, { brokerSwitch }) =>
      whileAway(scene, {
        before: FEW,
        away: 2 * FEW,
        leave: async () => {
          await scene.settles(); // else some of them are with order-service, and come through
          await brokerSwitch!.off();
          scene.tell('brokerAway');
        },
        comeBack: async () => {
          await brokerSwitch!.on();
          scene.tell('brokerBack');
        },
      }),
  },

  loseReceipts: {
    obstacle: ({ line }) => (line ? undefined : 'noLine'),
    play: async (scene, { line }) => {
      await scene.open({ wants: FEW, shelf: FEW });
      line!.mute();
      scene.tell('muted', RECEIPTS_LOST_MS / 1_000);
      try {
        await Promise.all([scene.wait(RECEIPTS_LOST_MS), scene.buy(FEW)]);
        scene.note({ meanwhile: await scene.look() });
      } finally {
        line!.cut();
      }
      scene.tell('cut');
      await scene.settles();
    },
  },

  threeTimes: {
    obstacle: ({ copier }) => (copier ? undefined : 'noBroker'),
    play: async (scene, { copier }) => {
      await scene.open({ wants: 20, shelf: 60 });
      const copying = await copier!.start();
      try {
        scene.tell('copying');
        await scene.buy(20);
        await scene.settles();
        scene.note({ copied: await copying.delivered() });
      } finally {
        await copying.stop();
      }
    },
  },

  slow: {
    obstacle: ({ slowness }) => (slowness ? undefined : 'noDatabaseLine'),
    play: async (scene, { slowness }) => {
      await scene.open({ wants: MANY, shelf: MANY });
      slowness!.delay(LATE_MS);
      scene.tell('slow', LATE_MS);
      try {
        await scene.buy(MANY);
        scene.note({ meanwhile: await scene.look() });
        await scene.wait(HOLD_MS);
      } finally {
        slowness!.delay(0);
      }
      scene.tell('quick');
      await scene.settles();
    },
  },

  pause: {
    play: async (scene, { steering }) => {
      await scene.open({ wants: 4 * FEW, shelf: 4 * FEW });
      await steering.pause();
      scene.tell('paused');
      try {
        await untilHeld(scene, FEW);
        await scene.wait(HOLD_MS);
        scene.note({ meanwhile: await scene.look(), away: FEW });
      } finally {
        await steering.resume();
      }
      scene.tell('resumed');
      await scene.settles();
    },
  },

  cancel: {
    play: async (scene, { steering }) => {
      await scene.open({ wants: 4 * FEW, shelf: 4 * FEW });
      await scene.buy(1);
      await scene.settles();
      await steering.pause();
      scene.tell('paused');
      try {
        await untilHeld(scene, 3);
        const { purchases } = await scene.look();
        const chosen = purchases
          .filter(({ code, state }) => code === HELD || state === 'completed')
          .map(({ id }) => id);
        const early = purchases.filter(({ state }) => state === 'completed').map(({ id }) => id);
        scene.note({ cancelled: chosen, early });
        for (const id of chosen) await steering.cancel(id);
        scene.tell('cancelling', chosen.length);
      } finally {
        await steering.resume();
      }
      scene.tell('resumed');
      await scene.settles();
    },
  },
};

/** Of a delivery that a pause holds back. */
const HELD = 'PAUSED';

async function shopping(scene: Scene, pieces: number): Promise<void> {
  await scene.open({ wants: pieces, shelf: pieces });
  await scene.buy(pieces);
  await scene.settles();
}

/** Something goes away, people go on buying, it comes back. */
async function whileAway(
  scene: Scene,
  {
    before,
    away,
    leave,
    comeBack,
  }: { before: number; away: number; leave(): Promise<void>; comeBack(): Promise<void> },
): Promise<void> {
  await scene.open({ wants: before + away, shelf: before + away });
  await scene.buy(before);
  await leave();
  try {
    await scene.buy(away);
    scene.tell('away');
    await scene.wait(HOLD_MS);
    scene.note({ meanwhile: await scene.look(), away });
  } finally {
    await again(scene, comeBack);
  }
  await scene.settles();
}

/** Nothing is started while the demo ends. */
async function again(scene: Scene, start: () => Promise<void>): Promise<void> {
  if (!scene.signal.aborted) await start();
}

/**
 * Buys one after the other until one is held back, and then as many as are to be. The relay learns of a pause with its next look
 * into the tables, within a second; what it hands over before that still goes out.
 */
async function untilHeld(scene: Scene, wanted: number): Promise<void> {
  const answered = ({ purchases }: Evidence): boolean =>
    purchases.every(({ state, code }) => state === 'completed' || code === HELD);
  const held = async (): Promise<number> => (await scene.look()).purchases.filter(({ code }) => code === HELD).length;
  for (let probes = 0; probes < 3 * FEW && (await held()) === 0; probes++) {
    await scene.wait(PROBE_MS);
    await scene.buy(1);
    await scene.sees(answered);
  }
  await scene.buy(wanted - (await held()));
  await scene.sees(answered);
  scene.tell('held', wanted);
}
