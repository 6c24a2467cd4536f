import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger } from '@nestjs/common';
import type { OutboxEvent } from '../message/events';
import { LoggingMonitor } from './monitor';

describe('The monitor', () => {
  let now = 0;
  const lines: string[] = [];
  const alarms: OutboxEvent[] = [];
  const errors: unknown[] = [];
  let monitor: LoggingMonitor;
  beforeEach(() => {
    now = 0;
    lines.length = alarms.length = errors.length = 0;
    monitor = new LoggingMonitor(
      (event) => void alarms.push(event),
      (error) => void errors.push(error),
      () => now,
    );
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void lines.push(String(line)));
  });
  afterEach(() => jest.restoreAllMocks());

  it('does not drown a person in what a stranger can cause, and says how much it left unsaid', () => {
    const malformed = (): void => monitor.record({ event: 'inbox.malformed', problem: 'id is no UUID' });
    for (let i = 0; i < 5_000; i++) malformed();
    expect([lines.length, alarms.length]).toEqual([20, 20]);
    expect(monitor.counters()).toEqual({ 'inbox.malformed': 5_000 });
    now = 60_000;
    malformed();
    expect(lines.slice(20)).toEqual([expect.stringContaining('4980 more'), expect.stringContaining('id is no UUID')]);
    expect(alarms).toHaveLength(21);
  });

  it('does not let strangers at the door of the transport hide what a person has to mend there', () => {
    const trouble = { event: 'transport.trouble', transport: 'direct' } as const;
    for (let i = 0; i < 100; i++) monitor.record({ ...trouble, problem: 'it is not UTF-8' });
    expect([lines.length, alarms.length]).toEqual([20, 0]);
    monitor.record({ ...trouble, problem: 'another argument', alarm: true });
    expect(lines.slice(20)).toEqual([expect.stringContaining('another argument')]);
    expect(alarms).toHaveLength(1);
  });

  it('says of a rejection, in a line, what was rejected and why; an acceptance is only counted', () => {
    const said: string[] = [];
    jest.spyOn(Logger.prototype, 'log').mockImplementation((line: unknown) => void said.push(String(line)));
    const handled = { event: 'inbox.handled', messageId: '1', consumer: 'c', type: 't', tookMs: 7 } as const;
    monitor.record({ ...handled, verdict: 'accepted' });
    monitor.record({ ...handled, verdict: 'rejected', reason: 'OUT_OF_STOCK' });
    expect(said).toEqual(['inbox.handled messageId=1 consumer=c type=t tookMs=7 verdict=rejected reason=OUT_OF_STOCK']);
  });

  it('says with the first attempt where an error was thrown, and hands every one on as it is', () => {
    const logged: unknown[][] = [];
    jest.spyOn(Logger.prototype, 'error').mockImplementation((...args: unknown[]) => void logged.push(args));
    const error = new TypeError('no template');
    const failed = {
      event: 'inbox.deferred',
      ...{ messageId: '1', consumer: 'c', type: 't', tookMs: 7, error: 'no template' },
    } as const;
    for (const attempt of [1, 2, 3]) monitor.record({ ...failed, attempt }, error);

    expect(logged).toEqual([[expect.stringMatching(/^inbox\.deferred .*attempt=1/), error.stack]]);
    expect(lines).toEqual([expect.stringContaining('attempt=2'), expect.stringContaining('attempt=3')]);
    expect(errors).toEqual([error, error, error]);
  });

  it('tells a watcher of everything, and no more once that has failed', () => {
    const logged: string[] = [];
    jest.spyOn(Logger.prototype, 'error').mockImplementation((line: unknown) => void logged.push(String(line)));
    const told: string[] = [];
    monitor.watch(({ event }) => {
      told.push(event);
      if (told.length === 2) throw new Error('no such label');
    });
    for (let i = 0; i < 4; i++) monitor.record({ event: 'receipt.duplicate' });
    expect(told).toEqual(['receipt.duplicate', 'receipt.duplicate']);
    expect(monitor.counters()).toEqual({ 'receipt.duplicate': 4 });
    expect(logged).toEqual([expect.stringContaining('no such label')]);
  });

  it('survives an error that is none, and a hook that fails', async () => {
    const logged: string[] = [];
    jest.spyOn(Logger.prototype, 'error').mockImplementation((line: unknown) => void logged.push(String(line)));
    const failing = new LoggingMonitor(undefined, () => {
      throw new Error('tracker is down');
    });
    const about = { messageId: '1', consumer: 'c', type: 't', tookMs: 7, attempt: 1 };
    failing.record({ event: 'inbox.deferred', ...about, error: 'x' }, 'x');
    await new Promise(setImmediate);
    expect(lines).toHaveLength(1);
    expect(logged).toEqual([expect.stringContaining('onError failed')]);
  });

  it('alarms in nobody\u2019s request, whoever caused it', () => {
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const alarming = new LoggingMonitor(() => void seen.push(request.getStore()));
    request.run('ada', () => alarming.record({ event: 'inbox.malformed', problem: 'id is no UUID' }));
    expect(seen).toEqual([undefined]);
  });

  it('says everything that only our own can cause', () => {
    for (let i = 0; i < 100; i++)
      monitor.record({ event: 'delivery.parked', messageId: `${i}`, consumer: 'c', code: 'GAVE_UP', error: undefined });
    expect([lines.length, alarms.length]).toEqual([100, 100]);
  });

  it.each(['\u001b[2J', '\u009b31m', '\u202egnp.exe', 'a\nb', '\u0007'])(
    'writes out what steers a terminal (%j)',
    (text) => {
      monitor.record({ event: 'relay.failed', step: 'claim', error: `x${text}` });
      expect(lines[0]).toMatch(/^relay\.failed step=claim error="x.*"$/);
      expect(lines[0]).not.toMatch(/\p{C}/u);
    },
  );
});
