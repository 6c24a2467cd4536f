import 'reflect-metadata';
import { Pool } from 'pg';
import { type Answer, type Purchase, Rejected } from '../business/purchase';
import { findProtocol } from '../protocols';
import { type Asked, type Command, type Settings, SETTINGS_VARIABLE, type Told } from './control';
import type { ServiceContext } from './context';
import { countMessages, sent } from './counters';
import { listenToPassed, tellPassed } from './passed';
import { recordAll } from './recorder';
import { Steps } from './steps';

/** One service of one protocol. It ends when its pipe to the lab does. */

/** More purchases than this are not under way at once. */
const POOL_SIZE = 20;

async function start(settings: Settings): Promise<void> {
  const { protocol, side, databaseUrl, journal, tell, without, ...addresses } = settings;
  countMessages();
  const steps = new Steps(side, journal, tell);
  if (tell) {
    recordAll();
    listenToPassed((passed) => steps.write(passed));
    tellPassed({ kind: 'started' });
  }
  const database = new Pool({ connectionString: databaseUrl, max: POOL_SIZE, connectionTimeoutMillis: 2_000 });
  database.on('error', () => {}); // the server went away: the next query says so
  const context: ServiceContext = {
    ...addresses,
    side,
    database,
    databaseUrl,
    without: new Set(without),
    step: (name) => steps.reach(name),
    settled: (purchaseId) => tellLab({ kind: 'settled', purchaseId }),
  };
  const sides = await findProtocol(protocol).load();
  const user = side === 'user' ? await sides.user(context) : undefined;
  const service = user ?? (await sides.order(context));
  process.on('message', (asked: Asked) => void answer(asked, steps, user));
  process.on('SIGTERM', () => void service.stop().finally(() => process.exit(0)));
  tellLab({ kind: 'ready' });
}

async function answer(asked: Asked, steps: Steps, shop: Purchase | undefined): Promise<void> {
  const { call } = asked;
  try {
    tellLab({ kind: 'answer', call, result: await perform(asked, steps, shop) });
  } catch (error) {
    if (error instanceof Rejected) tellLab({ kind: 'answer', call, result: 'rejected' });
    else tellLab({ kind: 'answer', call, problem: error instanceof Error ? error.message : String(error) });
  }
}

async function perform(command: Command, steps: Steps, shop: Purchase | undefined): Promise<unknown> {
  switch (command.kind) {
    case 'buy':
      return bought(() => shop!.buy(command.request));
    case 'arm':
      return steps.arm(command.step, command.action);
    case 'release':
      return steps.release();
    case 'disarm':
      return steps.disarm();
    case 'sent':
      return sent();
    default:
      return command satisfies never;
  }
}

async function bought(buy: () => Promise<Answer>): Promise<Answer> {
  tellPassed({ kind: 'bought' });
  return buy().then(
    (told) => {
      tellPassed({ kind: 'told', answer: told });
      return told;
    },
    (error: Error) => {
      tellPassed({ kind: 'told', answer: error instanceof Rejected ? 'rejected' : 'an error' });
      throw error;
    },
  );
}

function tellLab(told: Told): void {
  if (process.connected) process.send!(told);
}

process.once('disconnect', () => process.exit(1)); // whoever started it is gone

start(JSON.parse(process.env[SETTINGS_VARIABLE]!) as Settings).catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
