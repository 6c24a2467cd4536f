import { Logger } from '@nestjs/common';
import type { OutboxEvent } from '../message/events';
import { LoggingMonitor } from './monitor';

describe('The monitor', () => {
  let now = 0;
  const lines: string[] = [];
  const alarms: OutboxEvent[] = [];
  let monitor: LoggingMonitor;
  beforeEach(() => {
    now = 0;
    lines.length = alarms.length = 0;
    monitor = new LoggingMonitor(
      (event) => void alarms.push(event),
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
