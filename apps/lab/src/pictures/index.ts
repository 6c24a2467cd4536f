import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '@tallystick/services';
import { runCrash } from '../experiments/crash';
import { rest } from '../experiments/rest';
import { findProtocol } from '../protocols';
import { simulatedSequences } from '../protocols/three-phase-commit';
import type { Servers } from '../world/servers';
import { openWorld, type World } from '../world/world';
import { drawSequence } from './draw';
import { type Recording, recordingOf, sequenceOf } from './sequence';

/** A run that is drawn. */
export interface Picture {
  readonly protocol: string;
  readonly rejected?: true;
  readonly crash?: string;
  readonly hold?: string;
}

/** What each chapter shows: a purchase in which nothing goes wrong, and what its lesson is about. */
export const PICTURES: readonly Picture[] = [
  { protocol: 'naive' },
  { protocol: 'naive', crash: 'after-debit' },
  { protocol: 'local-message-table' },
  { protocol: 'local-message-table', rejected: true },
  { protocol: 'local-message-table', crash: 'after-commit' },
  { protocol: 'two-phase-commit' },
  { protocol: 'two-phase-commit', crash: 'after-prepare-order' },
  { protocol: 'tcc' },
  { protocol: 'tcc', crash: 'after-try-order' },
  { protocol: 'tcc', hold: 'before-try' },
  { protocol: 'saga' },
  { protocol: 'saga', rejected: true },
  { protocol: 'half-message' },
  { protocol: 'half-message', crash: 'after-commit' },
  { protocol: 'best-effort-notification' },
  { protocol: 'best-effort-notification', crash: 'after-debit' },
];

export const PICTURES_FOLDER = join(__dirname, '..', '..', '..', '..', 'docs', 'lab', 'pictures');

/** What a learner types to see the same as a story. */
function commandOf({ protocol, rejected, crash, hold }: Picture): string {
  const options = [rejected && ' --rejected', crash && ` --crash ${crash}`, hold && ` --hold ${hold}`];
  return `npm run lab -- ${protocol}${options.filter(Boolean).join('')}`;
}

/** Without its ending. */
export function nameOf({ protocol, rejected, crash, hold }: Picture): string {
  return [protocol, rejected && 'rejected', crash && 'crash', hold && 'hold'].filter(Boolean).join('-');
}

/** Runs each, and keeps what was recorded; then draws all. */
export async function makePictures(
  servers: Servers,
  cleanup: Cleanup,
  onProgress: (line: string) => void,
): Promise<void> {
  await mkdir(PICTURES_FOLDER, { recursive: true });
  for (const picture of PICTURES) {
    onProgress(commandOf(picture));
    const recording = await record(picture, servers, cleanup);
    await writeFile(join(PICTURES_FOLDER, `${nameOf(picture)}.json`), textOf(recording));
  }
  await writePictures();
}

/** Of the recordings that are kept, and of the simulation, which is the same every time. By name of a file. */
export async function drawPictures(): Promise<Record<string, string>> {
  const drawn: Record<string, string> = {};
  for (const picture of PICTURES) {
    const text = await readFile(join(PICTURES_FOLDER, `${nameOf(picture)}.json`), 'utf8');
    drawn[`${nameOf(picture)}.svg`] = drawSequence(sequenceOf(JSON.parse(text) as Recording));
  }
  for (const [name, sequence] of Object.entries(simulatedSequences())) drawn[`${name}.svg`] = drawSequence(sequence);
  return drawn;
}

export async function writePictures(): Promise<void> {
  for (const [name, svg] of Object.entries(await drawPictures())) await writeFile(join(PICTURES_FOLDER, name), svg);
}

/** A line for each happening, so that a change of one can be seen. */
function textOf({ title, happenings }: Recording): string {
  const lines = happenings.map((each) => `    ${JSON.stringify(each)}`);
  return `{\n  "title": ${JSON.stringify(title)},\n  "happenings": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

async function record(picture: Picture, servers: Servers, cleanup: Cleanup): Promise<Recording> {
  const protocol = findProtocol(picture.protocol);
  const world = await openWorld({ protocol, servers, tell: true }, cleanup);
  try {
    await play(picture, world);
    return recordingOf(commandOf(picture), await world.journal.everything());
  } finally {
    await world.stop();
  }
}

async function play({ rejected, crash, hold }: Picture, world: World): Promise<void> {
  const step = crash ?? hold;
  if (step === undefined) {
    const customer = await world.newCustomer();
    await world.buyToTheEnd(world.request(customer, rejected));
    await rest(world, customer, 'consistent');
    return;
  }
  const action = crash === undefined ? 'hold' : 'die';
  const trial = world.protocol.trials.find(
    (each) => each.step === step && each.action === action && !each.rejected && each.without === undefined,
  )!;
  const { problem } = await runCrash(world, trial);
  if (problem !== undefined) throw new Error(`${world.protocol.name}: ${problem}`);
}
