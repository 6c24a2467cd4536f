import { figure, type ScenarioResult } from '../harness/result';
import { summarise } from '../harness/statistics';
import { drawChart } from './chart';
import { withRoundTrip } from './readme';
import { reportText } from './report';

const result: ScenarioResult = {
  scenario: 'relay',
  measures: 'draining due deliveries',
  startedAt: '2026-11-22T19:00:00.000Z',
  tookSeconds: 61,
  parameters: { messages: 50_000, small: false },
  machine: {
    cores: 2,
    cpu: 'a processor',
    memoryGiB: 8,
    os: 'Debian',
    node: 'v20.20.2',
    postgres: '18.4, fsync on',
    rabbitmq: '3.10.8',
    loadBefore: 0.25,
  },
  figures: [
    figure({
      name: 'against the loop',
      unit: 'messages/s',
      ours: summarise([9_000, 9_500, 9_200]),
      cost: {
        statements: 0.0123,
        processorMs: { relay: 0.05, PostgreSQL: 0.0601 },
        slowest: [{ statement: 'outbox.claim', calls: 0.002, planMs: 0.001, executionMs: 0.0304 }],
      },
      baseline: { name: 'by hand', ...summarise([10_000, 10_000, 10_000]), cost: { processorMs: { relay: 0.03 } } },
      target: { of: 'ratio', atLeast: 0.95 },
      note: 'see the profile',
    }),
  ],
  charts: [
    {
      name: 'throughput',
      title: 'Throughput & more',
      x: { name: 'clients', log: true },
      y: { name: 'messages/s' },
      series: [
        {
          name: 'library',
          points: [
            [1, 100],
            [10, 900],
          ],
        },
      ],
    },
  ],
};

describe('the round trip in a README', () => {
  it('stands between its markers, and replaces what stood there', () => {
    const page = 'before\n<!-- roundtrip:start -->\nold\n<!-- roundtrip:end -->\nafter\n';
    const once = withRoundTrip(page, [result])!;
    expect(once).toContain(
      '| 2026-11-22, 2 cores | unit | Tallystick | hand-written | ratio |\n| --- | --- | ---: | ---: | ---: |\n' +
        '| against the loop | messages/s | 9,200 [9,000–9,500] | 10,000 [10,000–10,000] | 0.92 [0.90–0.95] |',
    );
    expect(once).not.toContain('old');
    expect(once.startsWith('before\n') && once.endsWith('after\n')).toBe(true);
    expect(withRoundTrip(once, [result])).toBe(once);
  });

  it('needs the markers', () => {
    expect(withRoundTrip('no markers', [result])).toBeUndefined();
  });
});

describe('the report', () => {
  const text = reportText([[result]]);

  it('shows median, extremes, baseline, ratio, statements, target and whether it is reached', () => {
    expect(text).toContain(
      '| against the loop | messages/s | 9,200 [9,000–9,500] | 10,000 [10,000–10,000] | 0.92 [0.90–0.95] | 0.01 / – | ≥ 0.95 × | no |',
    );
  });

  it('sets what another Node made of it beside that', () => {
    const { machine, figures } = result;
    const [faster] = figures.map(({ baseline, name, unit }) =>
      figure({ name, unit, baseline, ours: summarise([20_000]) }),
    );
    const other = { ...result, machine: { ...machine, node: 'v24.1.0' }, figures: [faster!] };
    expect(reportText([[result, other]])).toMatch(
      /\| target \| reached \| Node 24 \|\n.*\n\| against the loop .* \| no \| 2\.00 \|/,
    );
    const page = '<!-- roundtrip:start -->\n<!-- roundtrip:end -->';
    expect(withRoundTrip(page, [result, other])).toMatch(/\| ratio \| Node 24 \|\n/);
  });

  it('shows what a message cost every process, and the baseline', () => {
    expect(text).toContain(
      '| processor time per message | unit | relay | PostgreSQL | together |\n| --- | --- | ---: | ---: | ---: |\n' +
        '| against the loop | ms, ours / baseline | 0.050 / 0.030 | 0.060 / – | 0.110 / 0.030 |',
    );
  });

  it('shows which statements that time goes to', () => {
    expect(text).toContain(
      '| time in PostgreSQL | statement | calls per message | planning, µs | execution, µs |\n' +
        '| --- | --- | ---: | ---: | ---: |\n| against the loop | `outbox.claim` | 0.00 | 1 | 30 |',
    );
  });

  it('names what was measured of the reason, where a target is missed', () => {
    const [missed] = result.figures;
    const { note } = figure({ ...missed!, ours: missed!, note: undefined });
    expect(note).toBe(
      "a message takes 0.11 ms of processor time, the baseline's 0.030 (relay 0.050 / 0.030, PostgreSQL 0.060 / 0.000)",
    );
    expect(figure({ ...missed!, ours: summarise([20_000]), note: undefined }).note).toBeUndefined();
  });

  it('names the database that was measured', () => {
    const { postgres: _, ...machine } = result.machine;
    const onMariaDb = { ...result, scenario: 'relay-mariadb', machine: { ...machine, mariadb: '10.11.19' } };
    const both = reportText([[result], [onMariaDb]]);
    expect(both).toContain('## relay-mariadb');
    expect(both).toContain('MariaDB 10.11.19, RabbitMQ 3.10.8');
  });

  it('says on what it was measured, with what and why a target is missed', () => {
    expect(text).toContain(
      '2 cores (a processor), 8 GiB, Debian, Node v20.20.2, PostgreSQL 18.4, fsync on, RabbitMQ 3.10.8',
    );
    expect(text).toContain('parameters: messages 50,000, small false');
    expect(text).toContain('*against the loop*: see the profile');
    expect(text).toContain('![Throughput & more](throughput.svg)');
  });
});

describe('a chart', () => {
  it('is SVG text with the title, the axes and the series', () => {
    const [chart] = result.charts;
    const svg = drawChart(chart!);
    expect(svg).toMatch(/^<svg /);
    for (const text of ['Throughput &amp; more', 'clients', 'messages/s', 'library']) expect(svg).toContain(text);
  });
});
