import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cleanup, connectTestPostgres, connectTestRabbit, rabbitInstalled } from '@tallystick/services';
import { perform } from './commands';
import { labCommand } from './program';
import { Terminal } from './report/terminal';
import type { Servers } from './world/servers';

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

/** On the servers of this test run. */
async function outputOf(command: string): Promise<string> {
  const cleanup = new Cleanup();
  let text = '';
  const terminal = new Terminal({ write: (more: string) => (text += more) });
  const servers = async (): Promise<Servers> => ({ postgres: connectTestPostgres(), rabbit: connectTestRabbit() });
  const lab = { cleanup, signal: new AbortController().signal, onProgress: () => {}, servers };
  const program = labCommand(async (what, asked) => {
    expect(await perform(what, asked, lab, terminal)).toBe(true);
  });
  try {
    await program.parseAsync(command.replace('npm run lab -- ', '').split(' '), { from: 'user' });
    return text;
  } finally {
    await cleanup.run();
  }
}

/** Without what is not the same twice: times and ids; and what two processes do at the same time is in no order. */
function comparable(text: string): string[] {
  const lines = text
    .trim()
    .replaceAll(/^ *\d+ ms {2}/gm, 'step: ')
    .replaceAll(/\d+ ms/g, 'so many ms')
    .replaceAll(/[0-9a-f]{8}…/g, 'id')
    .replaceAll(/attempts \d+/g, 'attempts n') // a slow machine asks again
    .split('\n');
  const inSteps = (line: string | undefined): boolean => line?.startsWith('step: ') ?? false;
  const runs: string[][] = [];
  for (const [index, line] of lines.entries()) {
    if (inSteps(line) && inSteps(lines[index - 1])) runs.at(-1)!.push(line);
    else runs.push([line]);
  }
  // A step that comes again is a matter of speed too: a message that was asked for again, or was answered just before.
  const seen = new Set<string>();
  const isNew = (line: string): boolean => !line.startsWith('step: ') || (!seen.has(line) && Boolean(seen.add(line)));
  return runs.flatMap((run) => run.sort()).filter(isNew);
}

/** On a broker of somebody else there is no virtual host for each world. */
const withBroker = rabbitInstalled() && !process.env.AMQP_URL ? it : it.skip;

describe('what a chapter shows', () => {
  it('is there', () => expect(shown.length).toBeGreaterThan(0));

  for (const { chapter, command, output } of shown) {
    withBroker(`is what its command writes: ${chapter}, ${command}`, async () => {
      expect(comparable(await outputOf(command))).toEqual(comparable(output));
    });
  }
});
