#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Cleanup, ProgramUnavailableError, RabbitUnavailableError } from '@tallystick/services';
import { Command, InvalidArgumentError, Option } from 'commander';
import { checkInvariants } from './invariants';
import { DemoError, launch, type LaunchOptions, type Running } from './launcher';
import { enterPressed } from './pause';
import { openPage } from './page/open';
import { Rows } from './rows';
import { Shop } from './shop';
import { Stage } from './stage';
import { CHAPTERS } from './story';
import { Terminal } from './terminal';
import { findingText, type Language, TEXTS } from './texts';

interface Arguments {
  readonly database: 'postgres' | 'mariadb';
  readonly lang: Language;
  readonly once: boolean;
  readonly pause: boolean;
  readonly ports: LaunchOptions['ports'];
  /** False: nothing but the page. */
  readonly story: boolean;
  readonly transport?: 'rabbitmq' | 'direct';
  readonly verbose: boolean;
}

/** Why the demo ends before its story does: somebody asked it to, or a service died. */
class Ended extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Starts everything, plays the story, and cleans up whichever way it ends. */
async function demo(options: Arguments, terminal: Terminal): Promise<number> {
  const ending = new AbortController();
  setMaxListeners(100, ending.signal); // customers wait for it, ten at a time
  for (const [name, exitCode] of Object.entries(SIGNALS)) {
    process.on(name, () => ending.abort(new Ended(`${name}: stopping`, exitCode)));
  }
  process.stdout.on('error', () => ending.abort(new Ended('nobody reads this any more', 1))); // npm start | head
  const end = ended(ending.signal);
  void end.then(({ message }) => terminal.problem(`\n${message}`)); // at once: cleaning up takes a moment
  const cleanup = new Cleanup();
  try {
    const onDeath = (report: string): void => ending.abort(new Ended(report, 1));
    const running = await launch({ ...options, ...fromEnvironment() }, terminal, cleanup, ending.signal, onDeath);
    const texts = TEXTS[options.lang];
    const world = {
      shop: new Shop(running, ending.signal),
      deposits: new Map<string, number>(),
      signal: ending.signal,
    };
    const { user, order, databases, carrier } = running;
    const page = options.once ? undefined : await openPage(running, world, options.lang, cleanup);
    const { transport, broker } = carrier;
    terminal.ready({ user, order, databases, transport, broker, ...(page && { page: page.url }) });
    if (page) terminal.say(texts.page(page.url));
    const kept = options.story ? await play(running, world, options, terminal) : true;
    if (!page) return kept ? 0 : 1;
    page.storyIsOver();
    terminal.say(`\n${texts.serving(user, order, page.url)}`);
    const { exitCode } = await end;
    return exitCode === SIGNALS.SIGINT && kept ? 0 : exitCode;
  } catch (error) {
    // A call that fails may be the first sign that a service has died, or that everything is being stopped.
    const reason = await Promise.race([end, sleep(500, undefined)]);
    if (!reason) terminal.problem(isPlain(error) ? error.message : inspect(error));
    return reason?.exitCode ?? 1;
  } finally {
    await cleanup.run();
  }
}

/** @returns whether everything was as it should be */
async function play(
  { databases, orderService, line }: Running,
  { shop, deposits, signal }: { shop: Shop; deposits: Map<string, number>; signal: AbortSignal },
  { lang, pause }: Arguments,
  terminal: Terminal,
): Promise<boolean> {
  const texts = TEXTS[lang];
  const props = { shop, deposits, rows: new Rows(databases), orderService, ...(line && { line }) };
  const stage = new Stage(props, terminal, texts, signal);
  const mayPause = async (): Promise<void> => {
    if (!pause || !process.stdin.isTTY) return;
    terminal.progress(texts.pressEnter);
    await enterPressed(process.stdin, signal);
  };
  terminal.heading(texts.stage);
  await stage.setUp(12);
  for (const [index, { name, needsLine, play: playChapter }] of CHAPTERS.entries()) {
    await mayPause();
    const { title, expectation } = texts.chapters[name];
    terminal.heading(`${index + 1}. ${title}`);
    terminal.expectation(needsLine && !line ? texts.skipped : `${texts.expect}: ${expectation}`);
    if (!needsLine || line) await playChapter(stage, texts);
    signal.throwIfAborted();
  }
  await mayPause();
  terminal.heading(texts.inTheEnd);
  const findings = await checkInvariants(databases, deposits);
  for (const finding of findings) {
    const { claim, evidence } = findingText(finding, texts);
    terminal.verdict(finding.holds, `${claim}: ${evidence}`);
  }
  const kept = stage.failures === 0 && findings.every(({ holds }) => holds);
  terminal.heading(kept ? texts.kept : texts.broken);
  return kept;
}

/** Its message says what to do; a stack trace would not help. */
function isPlain(error: unknown): error is Error {
  return [DemoError, ProgramUnavailableError, RabbitUnavailableError].some((kind) => error instanceof kind);
}

function ended(signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve) => {
    const onAbort = (): void => resolve(signal.reason as Ended);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function fromEnvironment(): Pick<LaunchOptions, 'amqpUrl' | 'databases'> {
  const { AMQP_URL, DATABASE_URL_USER: user, DATABASE_URL_ORDER: order } = process.env;
  if (!user !== !order) throw new DemoError('Set both DATABASE_URL_USER and DATABASE_URL_ORDER, or neither.');
  return { amqpUrl: AMQP_URL || undefined, databases: user && order ? { user, order } : undefined };
}

function readPorts(text: string): LaunchOptions['ports'] {
  const [user, order, ...rest] = text.split(',').map(Number);
  const usable = [user, order].every((port) => Number.isInteger(port) && port! >= 1 && port! <= 65_535);
  if (!usable || rest.length > 0 || user === order)
    throw new InvalidArgumentError('Write two different ports: 3001,3002');
  return { user: user!, order: order! };
}

const program = new Command('npm start --')
  .description('Starts user-service and order-service with all they need, and shows what happens to a purchase.')
  .addOption(
    new Option('--transport <name>', 'what carries the messages')
      .choices(['rabbitmq', 'direct'])
      .default(
        undefined,
        'rabbitmq if there is one: AMQP_URL, a broker on 127.0.0.1:5672, an installed rabbitmq-server; else direct',
      ),
  )
  .addOption(
    new Option(
      '--database <name>',
      'what holds the tables: an embedded PostgreSQL, or a private MariaDB, which must be installed',
    )
      .choices(['postgres', 'mariadb'])
      .default('postgres'),
  )
  .option('--ports <user,order>', 'HTTP ports of the services', readPorts, { user: 3001, order: 3002 })
  .addOption(new Option('--no-story', 'only serve, with the page that has the buttons').conflicts('once'))
  .option('--once', 'end after the story: with 0 if everything was as it should be, else with 1', false)
  .addOption(new Option('--lang <language>', 'the story in English or Chinese').choices(['en', 'zh']).default('en'))
  .option('--pause', 'wait for Enter before each chapter, if somebody sits at a terminal', false)
  .option('--verbose', 'show what the services write', false)
  .addHelpText(
    'after',
    `
Environment:
  AMQP_URL             a broker to use
  DATABASE_URL_USER    databases to use instead, postgres://… or mariadb://…, also one of each: set both
  DATABASE_URL_ORDER
  LOG_LEVEL            of the services, with --verbose: error, warn (default), log, debug`,
  )
  .action(async (options: Arguments) => process.exit(await demo(options, new Terminal(process.stdout))));

void program.parseAsync();
