import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BY_HAND_RULES } from '../apps/lab/src/by-hand';
import { labCommand } from '../apps/lab/src/program';
import { PROTOCOLS } from '../apps/lab/src/protocols';
import { SCENARIOS } from '../bench/src/scenarios';
import { program as tallystick } from '../libs/cli/src/program';

/** What a lesson tells its reader to type can be typed: the script, the experiment, the step, the test that it names exist. */
const root = resolve(__dirname, '..');
const pagesOf = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const pages = ['README.md', 'README.zh-CN.md', ...pagesOf('docs/lab'), ...pagesOf('docs/zh')];

const STARTS = /^(npm|npx) /;
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

const nobody: Parameters<typeof tallystick>[0] = {
  env: {},
  out: () => {},
  say: () => {},
  confirm: async () => false,
  stop: new AbortController().signal,
};
const tallystickCommands = tallystick(nobody, () => {}).commands.map((command) => command.name());

/** The lines of shell blocks, what is shown as typed, and inline code that begins like a command. */
function commandsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, lines]) => lines!.split('\n'));
  const typed = [...text.matchAll(/^\$ (.+)$/gm)].map(([, line]) => line!);
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '');
  const inline = [...prose.matchAll(/`((?:npm|npx) [^`]+)`/g)].map(([, code]) => code!);
  return [...blocks, ...typed, ...inline]
    .map((line) => line.replace(/ +#.*$/, '').trim())
    .filter((line) => STARTS.test(line));
}

/** As a shell would, as far as quotes go. */
function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
}

function problemWith(command: string): string | undefined {
  const [program, what, ...rest] = words(command.split('&&')[0]!.trim());
  const options = rest.filter((word) => word !== '--');
  if (program === 'npx') {
    if (what === 'jest')
      return problemWithTests(
        rest.find((word) => !word.startsWith('-'))!,
        rest,
      );
    if (what === 'tallystick')
      return tallystickCommands.includes(rest[0]!) ? undefined : `tallystick has no ${rest[0]}`;
    return ['tsc', 'typeorm'].includes(what!) ? undefined : `nobody knows npx ${what}`;
  }
  if (['ci', 'install', 'pack', 'test', 'start'].includes(what!)) return undefined;
  const [script, ...given] = options;
  if (!script || !scripts[script]) return `there is no script ${script}`;
  if (given.length === 0) return undefined;
  if (script === 'lab') return problemWithLab(given);
  if (script === 'bench')
    return [...SCENARIOS.map(({ name }) => name), 'all', 'report'].includes(given[0]!)
      ? undefined
      : `there is no scenario ${given[0]}`;
  if (script === 'test:e2e') return problemWithTests(given[given.indexOf('--testPathPatterns') + 1]!, given);
  return undefined;
}

/** Read by the lab's own command line; then its steps and rules. */
function problemWithLab(given: string[]): string | undefined {
  let problem: string | undefined;
  const command = labCommand(async (what, { crash, stop, hold, without }) => {
    const protocol = PROTOCOLS.find(({ name }) => name === what);
    const step = crash ?? stop ?? hold;
    if (step !== undefined && !protocol?.steps[step]) problem = `${what} has no step ${step}`;
    const rules = what === 'by-hand' ? BY_HAND_RULES : protocol?.rules;
    if (without !== undefined && !(without in (rules ?? {}))) problem = `${what} has no rule ${without}`;
  });
  command.exitOverride().configureOutput({ writeErr: (text) => (problem = text.trim()), writeOut: () => {} });
  try {
    command.parse(given, { from: 'user' });
  } catch {
    if (given.includes('--help')) return undefined;
  }
  return problem;
}

const specs = ['apps', 'libs', 'docs'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.spec.ts') && !name.includes('node_modules'))
    .map((name) => join(folder, name)),
);
/** Titles that stand in the suites which several specs run count, too. */
const suites = readdirSync(join(root, 'libs/outbox/src/testing'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join('libs/outbox/src/testing', name));

function problemWithTests(pattern: string, given: readonly string[]): string | undefined {
  const files = specs.filter((name) => new RegExp(pattern).test(name));
  if (files.length === 0) return `no spec matches ${pattern}`;
  const at = given.indexOf('-t');
  if (at < 0) return undefined;
  const title = given[at + 1]!;
  const found = [...files, ...suites].some((name) => readFileSync(join(root, name), 'utf8').includes(title));
  return found ? undefined : `no test in ${files.join(', ')} is called ${title}`;
}

it.each(pages)('%s names only commands that can be typed', (page) => {
  const problems = commandsOf(page).flatMap((command) => {
    const problem = problemWith(command);
    return problem === undefined ? [] : [`${command}: ${problem}`];
  });
  expect(problems).toEqual([]);
});

it('finds what cannot be', () => {
  expect(problemWith('npm run lab -- tcc --crash after-lunch')).toBe('tcc has no step after-lunch');
  expect(problemWith('npm run lab -- by-hand --without luck')).toBe('by-hand has no rule luck');
  expect(problemWith('npm run lab -- four-phase-commit')).toContain('four-phase-commit');
  expect(problemWith('npx tallystick lunch')).toBe('tallystick has no lunch');
  expect(problemWith('npm run lunch')).toBe('there is no script lunch');
  expect(problemWith("npm run test:e2e -- --testPathPatterns faults -t 'pigs fly'")).toContain('is called pigs fly');
});
