import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rabbitInstalled } from '@tallystick/services';

jest.setTimeout(300_000);

const root = join(__dirname, '../../..');
const chapters = readdirSync(join(root, 'docs/lab')).filter((name) => /^\d\d-.*\.md$/.test(name));

/** What a chapter says that a command writes. */
interface Shown {
  readonly chapter: string;
  readonly command: string;
  readonly output: string;
}

const shown: Shown[] = chapters.flatMap((chapter) => {
  const blocks = readFileSync(join(root, 'docs/lab', chapter), 'utf8').matchAll(
    /^```console\n\$ (.+)\n([\s\S]*?)^```/gm,
  );
  return [...blocks].map(([, command, output]) => ({ chapter, command: command!, output: output! }));
});

async function outputOf(command: string): Promise<string> {
  const { AMQP_URL: _, FORCE_COLOR: __, ...env } = process.env;
  const args = command.replace('npm run lab -- ', '').split(' ');
  const child = spawn(process.execPath, [join(__dirname, '../dist/main.js'), ...args], { env, stdio: 'pipe' });
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  child.stderr.resume();
  await once(child, 'close');
  expect(child.exitCode).toBe(0);
  return text;
}

/** Without what is not the same twice: times and ids; and what two processes do at the same time is in no order. */
function comparable(text: string): string[] {
  const lines = text
    .trim()
    .replaceAll(/^ *\d+ ms {2}/gm, 'step: ')
    .replaceAll(/\d+ ms/g, 'so many ms')
    .replaceAll(/[0-9a-f]{8}…/g, 'id')
    .split('\n');
  const inSteps = (line: string | undefined): boolean => line?.startsWith('step: ') ?? false;
  const runs: string[][] = [];
  for (const [index, line] of lines.entries()) {
    if (inSteps(line) && inSteps(lines[index - 1])) runs.at(-1)!.push(line);
    else runs.push([line]);
  }
  return runs.flatMap((run) => run.sort());
}

const withBroker = rabbitInstalled() ? it : it.skip;

describe('what a chapter shows', () => {
  it('is there', () => expect(shown.length).toBeGreaterThan(0));

  for (const { chapter, command, output } of shown) {
    withBroker(`is what its command writes: ${chapter}, ${command}`, async () => {
      expect(comparable(await outputOf(command))).toEqual(comparable(output));
    });
  }
});
