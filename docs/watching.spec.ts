import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Instrument, INSTRUMENTS, prometheusLabel, prometheusName } from '../libs/outbox/src/message/instruments';

/**
 * The alert rules and the dashboard name only what is measured. What the rules do is tested with Prometheus' own tool where it
 * is installed (`apt-get install prometheus`, or PROMTOOL with its path).
 */
const root = resolve(__dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const RULES = 'deploy/prometheus/tallystick.rules.yml';
const TESTS = 'deploy/prometheus/tallystick.rules.test.yml';
const DASHBOARD = 'deploy/grafana/dashboards/tallystick.json';

/** Name → labels, of everything that a scrape brings. */
const measured = new Map<string, readonly string[]>(
  Object.values<Instrument>(INSTRUMENTS).flatMap((instrument): [name: string, labels: string[]][] => {
    const name = prometheusName(instrument);
    const labels = ['job', 'instance', ...instrument.labels.map(prometheusLabel)];
    if (instrument.kind !== 'histogram') return [[name, labels]];
    return [
      [`${name}_bucket`, [...labels, 'le']],
      [`${name}_sum`, labels],
      [`${name}_count`, labels],
    ];
  }),
);

interface Panel {
  readonly title: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
const panels = (JSON.parse(read(DASHBOARD)) as { panels: Panel[] }).panels;
const queries = panels.flatMap(({ targets }) => targets ?? []);

/** Every series that a text speaks of, with the labels it is chosen by. */
function namesIn(text: string): { name: string; labels: string[] }[] {
  return [...text.matchAll(/\b((?:tallystick|messaging)_[a-z_]+)\b(?:\{([^}]*)\})?/g)]
    .filter(([, name]) => !/^(messaging_destination_name|messaging_system)$/.test(name!))
    .map(([, name, chosen = '']) => ({
      name: name!,
      labels: [...chosen.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!),
    }));
}

function unknownIn(text: string): string[] {
  return namesIn(text).flatMap(({ name, labels }) => {
    const known = measured.get(name);
    if (!known) return [name];
    return labels.filter((label) => !known.includes(label)).map((label) => `${name}{${label}}`);
  });
}

describe('what watches the services', () => {
  it('alerts on nothing that is not measured', () => {
    expect(namesIn(read(RULES)).length).toBeGreaterThan(5);
    expect(unknownIn(read(RULES))).toEqual([]);
    expect(unknownIn(read(TESTS))).toEqual([]);
  });

  it('shows nothing that is not measured, and says of each panel what it shows', () => {
    expect(queries.length).toBeGreaterThan(20);
    expect(queries.flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
    const shown = new Set(queries.flatMap(({ expr }) => namesIn(expr).flatMap(({ labels }) => labels)));
    expect(shown).toContain('job');
    const silent = panels.filter(({ targets, description }) => targets && !description);
    expect(silent.map(({ title }) => title)).toEqual([]);
  });

  it('groups by labels that exist, and names them in the legend', () => {
    for (const { expr, legendFormat } of queries) {
      const labels = new Set(namesIn(expr).flatMap(({ name }) => measured.get(name)!));
      const grouped = [...expr.matchAll(/ by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/,\s*/));
      const told = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
      expect([...grouped, ...told].filter((label) => !labels.has(label))).toEqual([]);
    }
  });

  it('would notice a name or a label that does not exist', () => {
    expect(unknownIn('rate(tallystick_verdict_total{job="a"}[5m])')).toEqual(['tallystick_verdict_total']);
    expect(unknownIn('tallystick_verdicts_total{consumer="a", colour="b"}')).toEqual([
      'tallystick_verdicts_total{colour}',
    ]);
  });

  it('has an entry in the runbook for every alert', () => {
    const alerts = [...read(RULES).matchAll(/- alert: (\w+)/g)].map(([, alert]) => alert!);
    const [, section = ''] = read('docs/operations.md').split(/^### Alerts$/m);
    const rows = [...section.split(/^## /m)[0]!.matchAll(/^\| `(\w+)` /gm)].map(([, alert]) => alert!);
    expect(rows).toEqual(alerts);
  });

  const promtool = process.env.PROMTOOL ?? 'promtool';
  const found = spawnSync(promtool, ['--version']).status === 0;
  const say = found ? '' : ' (left out here: there is no promtool; it is in the package prometheus of Debian)';
  (found ? it : it.skip)(`alerts when it should, and not before${say}`, () => {
    const { status, stdout, stderr } = spawnSync(promtool, ['test', 'rules', join(root, TESTS)], { encoding: 'utf8' });
    expect(`${status} ${stdout}${stderr}`).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});
