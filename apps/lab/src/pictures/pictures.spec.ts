import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProtocol } from '../protocols';
import type { Happening } from '../world/journal';
import { drawPictures, nameOf, PICTURES, PICTURES_FOLDER, writePictures } from '.';
import { drawSequence } from './draw';
import { recordingOf, sequenceOf } from './sequence';

describe('the pictures in docs/lab', () => {
  it('are what is drawn of the recordings beside them; with FIX_PICTURES=1 they are drawn anew', async () => {
    if (process.env.FIX_PICTURES) await writePictures();
    const kept = readdirSync(PICTURES_FOLDER).filter((name) => name.endsWith('.svg'));
    const drawn = await drawPictures();
    expect(kept.sort()).toEqual(Object.keys(drawn).sort());
    for (const name of kept) {
      const same = readFileSync(join(PICTURES_FOLDER, name), 'utf8') === drawn[name];
      expect({ name, same }).toEqual({ name, same: true });
    }
  });

  it('are shown by a chapter each', () => {
    const chapters = join(PICTURES_FOLDER, '..');
    const text = readdirSync(chapters)
      .filter((name) => name.endsWith('.md'))
      .map((name) => readFileSync(join(chapters, name), 'utf8'))
      .join();
    const pictures = readdirSync(PICTURES_FOLDER).filter((name) => name.endsWith('.svg'));
    expect(pictures.filter((name) => !text.includes(`](pictures/${name})`))).toEqual([]);
  });

  it.each(PICTURES.map((picture) => [nameOf(picture), picture] as const))(
    'are of steps that there are, and of runs that got there: %s',
    (name, { protocol, crash, hold }) => {
      const { happenings } = JSON.parse(readFileSync(join(PICTURES_FOLDER, `${name}.json`), 'utf8')) as {
        happenings: Happening[];
      };
      const { steps } = findProtocol(protocol);
      const hurt = happenings.filter((each) => each.kind === 'step' && each.action !== undefined);
      expect(hurt).toMatchObject(crash || hold ? [{ step: crash ?? hold, action: crash ? 'die' : 'hold' }] : []);
      const reached = happenings.flatMap((each) => (each.kind === 'step' ? [each.step] : []));
      expect(Object.keys(steps)).toEqual(expect.arrayContaining(reached));
    },
  );
});

describe('a run', () => {
  const everything: Happening[] = [
    { at: 900, side: 'user', kind: 'started' },
    { at: 1_000, side: 'user', kind: 'bought' },
    { at: 1_010, side: 'user', kind: 'wrote', writes: ['update account'], end: 'commit' },
    { at: 1_011, side: 'user', kind: 'step', step: 'after-debit', action: 'die' },
    { at: 1_800, side: 'user', kind: 'started' },
    { at: 1_810, side: 'user', kind: 'called', path: 'order' },
    { at: 1_820, side: 'user', kind: 'answered', path: 'order', answer: 'nothing' },
    { at: 1_830, side: 'user', kind: 'called', path: 'order' },
  ];

  it('becomes a sequence from the purchase on: arrows, what was done to a process, and how long nothing happened', () => {
    const { actors, rows } = sequenceOf(recordingOf('a run', everything));
    expect(actors).toEqual(['shopper', 'user database', 'user-service', 'order-service']);
    expect(rows).toEqual([
      { kind: 'arrow', from: 'shopper', to: 'user-service', lines: ['buy'], dashed: false },
      { kind: 'arrow', from: 'user-service', to: 'user database', lines: ['update account', 'commit'], dashed: false },
      { kind: 'mark', on: 'user-service', text: 'after-debit: killed', what: 'die' },
      { kind: 'pause', text: '0.8 s later' },
      { kind: 'mark', on: 'user-service', text: 'started again', what: 'started' },
      { kind: 'arrow', from: 'user-service', to: 'order-service', lines: ['order'], dashed: false },
      { kind: 'mark', on: 'user-service', text: 'order: no answer', what: 'silence' },
    ]);
  });

  it('is drawn with every word that was said, on a line that is broken while the process is gone', () => {
    const svg = drawSequence(sequenceOf(recordingOf('a <run>', everything)));
    expect(svg).toContain('<title>a &lt;run></title>');
    for (const word of ['buy', 'update account', 'commit', 'after-debit: killed', 'started again', 'order: no answer'])
      expect(svg).toContain(`>${word}</text>`);
    expect(svg.match(/class="gone"/g)).toHaveLength(1);
    expect(svg).toContain('prefers-color-scheme: dark');
  });
});
