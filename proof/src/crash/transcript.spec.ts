import { Transcript } from './transcript';

/** What is said, and which steps begin and end with it. */
function steps(...statements: readonly (string | readonly [name: string, text: string])[]): string[] {
  const transcript = new Transcript();
  return statements.flatMap((each) => {
    const [name, text] = typeof each === 'string' ? [each, ''] : each;
    const { before, after } = transcript.say(name, text);
    const isStep = (step: string | undefined): step is string => /^(outbox|inbox)\./.test(step ?? '') && step !== name;
    return [
      ...(isStep(before) ? [`before ${before}`] : []),
      ...(after && isStep(after.step) ? [`after ${after.step}, ${after.rows}`] : []),
    ];
  });
}

const BEGIN = 'outbox.begin';
const COMMIT = 'outbox.commit';
const SKIPPING = ['outbox.lock', 'order by d.message_id\nfor update skip locked -- outbox.lock'] as const;
const IN_LINE = ['outbox.write', `('id', 'to', 'from', 'none', '${'a'.repeat(64)}', 7, 'completed', 1)`] as const;

describe('what is said to MariaDB is told as steps', () => {
  it.each([
    ['a claim', [BEGIN, 'outbox.obeyed-pauses', 'outbox.due', 'outbox.messages', 'outbox.write', COMMIT], 'claim', 1],
    [
      'a claim but for some',
      [BEGIN, 'outbox.due-to-others', SKIPPING, 'outbox.messages', 'outbox.write', COMMIT],
      'claim',
      1,
    ],
    ['a mark', [BEGIN, SKIPPING, 'outbox.write', 'outbox.read', COMMIT], 'mark', 1],
    ['receipts in a batch', [BEGIN, SKIPPING, 'outbox.messages', 'outbox.write', COMMIT], 'close-many', 1],
    [
      'receipts that take the next ones',
      [BEGIN, SKIPPING, 'outbox.messages', IN_LINE, 'outbox.next-in-line', SKIPPING, 'outbox.write', COMMIT],
      'close-and-take',
      2,
    ],
    [
      'a look whose turn it is',
      [BEGIN, 'outbox.read', 'outbox.next-in-line', SKIPPING, IN_LINE, COMMIT],
      'next-turn',
      1,
    ],
    ['one that finds nobody', [BEGIN, 'outbox.read', 'outbox.next-in-line', COMMIT], 'next-turn', 0],
    ['a discard', [BEGIN, 'outbox.deliveries-of', 'outbox.lock', 'outbox.write', COMMIT], 'discard', 1],
    ['pruning', [BEGIN, 'outbox.old', 'outbox.delete-deliveries', 'outbox.delete-messages', COMMIT], 'prune', 1],
  ] as const)('%s', (_, statements, step, rows) => {
    expect(steps(...statements)).toEqual([`before outbox.${step}`, `after outbox.${step}, ${rows}`]);
  });

  it.each([
    ['nothing was due', [BEGIN, 'outbox.obeyed-pauses', 'outbox.due', COMMIT]],
    ['one row is put off', [BEGIN, 'outbox.lock', 'outbox.write', COMMIT]],
    ['a transaction lost against another one', [BEGIN, SKIPPING, 'outbox.rollback', BEGIN, COMMIT]],
  ] as const)('none where %s', (_, statements) => {
    expect(steps(...statements)).toEqual([]);
  });

  it('a rejection that is stored alone, and none that the consumer’s transaction stores', () => {
    expect(steps(BEGIN, 'inbox.look', 'inbox.insert', COMMIT)).toEqual([
      'before inbox.reject',
      'after inbox.reject, 1',
    ]);
    expect(steps('begin', 'inbox.look', 'inbox.insert', 'commit')).toEqual([
      'before inbox.begin',
      'after inbox.begin, 1',
    ]);
  });

  it('a batch when the row of its last message is there', () => {
    const look = ['inbox.look', 'select 0\nunion all\nselect 1\norder by position'] as const;
    expect(steps('begin', look, 'inbox.insert', 'inbox.insert')).toEqual([
      'before inbox.begin-many',
      'after inbox.begin-many, 1',
      'before inbox.begin-many',
      'after inbox.begin-many, 2',
    ]);
  });

  it('a recording, in line and not, and a receipt that is followed up', () => {
    const added = ['outbox.clock', 'outbox.add-messages', 'outbox.add-deliveries'];
    expect(steps('begin', ...added)).toContain('after outbox.add-many, 1');
    expect(steps('begin', 'outbox.draw', ...added)).toContain('after outbox.add-ordered, 1');
    expect(steps('begin', 'outbox.lock', 'outbox.messages', 'outbox.write')).toContain('after outbox.close, 1');
  });

  it('knows what its transaction has done, and nothing of the one before', () => {
    const transcript = new Transcript();
    for (const name of ['begin', 'debit', 'outbox.add-deliveries']) transcript.say(name, '');
    expect([...transcript.say('commit', '').done]).toEqual(['begin', 'debit', 'outbox.add-many', 'commit']);
    expect([...transcript.say('begin', '').done]).toEqual(['begin']);
  });
});
