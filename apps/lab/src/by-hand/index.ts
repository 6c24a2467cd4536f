import { Cleanup } from '@tallystick/services';
import { InvalidArgumentError } from 'commander';
import type { Terminal } from '../report/terminal';
import { Bench } from '../world/bench';
import type { Servers } from '../world/servers';
import { ORDER_TABLES, Outbox, type Rule, RULES, USER_TABLES } from './outbox';
import { Stage } from './stage';
import { type Ending, STORIES, type Story } from './stories';

export { RULES as BY_HAND_RULES } from './outbox';

/** How a story ended, with all rules or without its own. */
interface Played {
  readonly rule: Rule;
  readonly without: boolean;
  readonly ending: Ending;
  readonly asExpected: boolean;
}

/**
 * The outbox that somebody writes by hand, in a hundred lines, and what goes wrong without each of them.
 * @param without plays the story of this rule without it; otherwise all of them are played, with every rule
 */
export async function byHand(
  servers: () => Promise<Servers>,
  without: string | undefined,
  cleanup: Cleanup,
  terminal: Terminal,
): Promise<Played[]> {
  if (without !== undefined && !(without in RULES)) {
    throw new InvalidArgumentError(`by-hand has no rule ${without}: ${Object.keys(RULES).join(', ')}.`);
  }
  const started = await servers();
  const stories = STORIES.filter(({ rule }) => without === undefined || rule === without);
  const all: Played[] = [];
  for (const story of stories) {
    const own = new Cleanup();
    cleanup.defer(() => own.run());
    terminal.heading(story.title);
    terminal.quiet(`  ${without === undefined ? 'with' : 'without'} ${story.rule}: ${RULES[story.rule]}`);
    const ending = await play(story, started, without as Rule | undefined, own, terminal);
    await own.run();
    const expected: Ending = without === undefined ? 'consistent' : story.without;
    const asExpected = ending === expected;
    terminal.verdict(asExpected, asExpected ? `${ending}, as expected` : `${ending}, but ${expected} was expected`);
    all.push({ rule: story.rule, without: without !== undefined, ending, asExpected });
  }
  return all;
}

async function play(
  story: Story,
  servers: Servers,
  without: Rule | undefined,
  cleanup: Cleanup,
  terminal: Terminal,
): Promise<Ending> {
  const bench = new Bench(servers, cleanup);
  const user = await bench.database(USER_TABLES);
  const order = await bench.database(ORDER_TABLES);
  const channel = await (await bench.connect()).createConfirmChannel();
  for (const queue of ['orders', 'receipts']) await channel.assertQueue(queue, { durable: true });
  const stage = new Stage(new Outbox(user, order, channel, without), user, order, channel, terminal);
  await story.play(stage);
  return stage.ending();
}
