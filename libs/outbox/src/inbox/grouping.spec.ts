import { VirtualClock } from '../testing/memory/virtual-clock';
import type { Executable, Execution, GroupOutcome } from './execution';
import { Grouping, sharingOf } from './grouping';
import type { Outcome } from './outcome';

describe('Grouping', () => {
  /** What was executed: groups as lists, and who went alone as text. Groups end when they are told how. */
  function open(options: Parameters<typeof sharingOf>[0] = { groupCommit: 2, concurrency: 4 }) {
    const executed: (string[] | string)[] = [];
    const lone: (() => void)[] = [];
    const groups: { members: readonly Executable[]; end(outcome: GroupOutcome): void }[] = [];
    const clock = new VirtualClock();
    const execution = {
      together: (members: readonly Executable[]) => {
        executed.push(members.map(nameOf));
        return new Promise<GroupOutcome>((end) => groups.push({ members, end }));
      },
      alone: async (executable: Executable): Promise<Outcome> => {
        executed.push(nameOf(executable));
        await new Promise<void>((end) => lone.push(end));
        return { kind: 'deferred', error: `${nameOf(executable)} alone` };
      },
    } as unknown as Execution;
    const grouping = new Grouping(execution, clock, sharingOf(options)!);
    const messages = (...names: string[]) => names.map((name) => grouping.execute(executableOf(name)));
    const settle = () => clock.advance(0);
    /** Whoever is alone in a transaction comes to its end. */
    const endAlone = async () => {
      for (const end of lone.splice(0)) end();
      await settle();
    };
    /** @param workMs of the handler, @param restMs of the transaction beside it */
    const commit = async (workMs = 0, restMs = 0) => {
      await clock.advance(workMs + restMs);
      const { members, end } = groups.shift()!;
      const outcomes = members.map((member) => [member, { kind: 'deferred', error: nameOf(member) }] as const);
      end({ kind: 'committed', outcomes: new Map<Executable, Outcome>(outcomes), workMs });
      await settle();
    };
    const fail = async (contention = false) => {
      groups.shift()!.end({ kind: 'failed', contention });
      await settle();
    };
    /** How many of the next messages go alone. */
    const howManyAlone = async () => {
      for (let alone = 0; ; alone++) {
        const before = groups.length;
        void messages('probe');
        await settle();
        if (groups.length === before) continue;
        return alone;
      }
    };
    return { executed, messages, settle, commit, fail, endAlone, howManyAlone };
  }

  it('lets a burst share transactions, and keeps to as many at once as agreed', async () => {
    const { executed, messages, settle, commit } = open();
    const outcomes = Promise.all(messages('a', 'b', 'c', 'd', 'e'));
    await settle();
    expect(executed).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    await commit();
    expect(executed).toHaveLength(3);
    await commit();
    await commit();
    expect((await outcomes).map((outcome) => (outcome as { error: unknown }).error)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('sends the members of a failed group through alone, and gives their place to the next group at once', async () => {
    const { executed, messages, settle, fail, endAlone } = open({ groupCommit: 2, concurrency: 2 });
    const outcomes = messages('a', 'b', 'c');
    await settle();
    await fail();
    expect(executed).toEqual([['a', 'b'], 'a', 'b', ['c']]);
    await endAlone();
    expect(await outcomes[0]).toMatchObject({ error: 'a alone' });
  });

  it('goes alone for longer after every failure in a row, and recovers with groups that commit', async () => {
    const { messages, settle, commit, fail, howManyAlone } = open();
    void messages('a');
    await settle();
    await fail();
    expect(await howManyAlone()).toBe(2);
    await fail();
    expect(await howManyAlone()).toBe(4);
    await commit();
    expect(await howManyAlone()).toBe(0);
    await fail();
    expect(await howManyAlone()).toBe(4);
  });

  it('goes alone for long when rows are hot', async () => {
    const { messages, settle, fail, howManyAlone } = open();
    void messages('a');
    await settle();
    await fail(true);
    expect(await howManyAlone()).toBe(1_024);
  });

  describe.each([
    ['auto', { groupCommit: 'auto', concurrency: 8 } as const, 2],
    ['of an array handler', { batch: 4, concurrency: 8 }, 2],
  ])('%s', (_, options, lanes) => {
    it('lets a message that finds nothing under way go at once, alone, without waiting for a timer', () => {
      const { executed, messages } = open(options);
      void messages('a');
      expect(executed).toEqual(['a']);
    });

    it('lets those share a transaction that come while another is under way', async () => {
      const { executed, messages, settle, commit, endAlone } = open(options);
      void messages('a', 'b', 'c', 'd');
      await settle();
      expect(executed).toEqual(['a', ['b', 'c', 'd']]);
      await commit();
      await endAlone();
      void messages('e');
      expect(executed.at(-1)).toBe('e');
    });

    it(`has ${lanes} transactions at once, and gives the rest their place when one ends`, async () => {
      const { executed, messages, settle, commit } = open(options);
      void messages('a', 'b', 'c');
      await settle();
      void messages('d', 'e');
      await settle();
      expect(executed).toEqual(['a', ['b', 'c']]);
      await commit();
      expect(executed).toEqual(['a', ['b', 'c'], ['d', 'e']]);
    });

    it('lets the members of a failed group go alone, and the next ones too', async () => {
      const { executed, messages, settle, fail } = open(options);
      void messages('a', 'b', 'c');
      await settle();
      await fail();
      expect(executed).toEqual(['a', ['b', 'c'], 'b', 'c']);
      void messages('d', 'e');
      expect(executed.slice(-2)).toEqual(['d', 'e']);
    });
  });

  it('auto takes at most 16 together', async () => {
    const { executed, messages, settle } = open({ groupCommit: 'auto', concurrency: 64 });
    void messages('first', ...Array.from({ length: 40 }, (_, index) => String(index)));
    await settle();
    expect(executed.map(({ length }) => length).slice(1)).toEqual([16, 16, 8]);
  });

  it('auto lets a handler that takes long go alone, as if its group had failed', async () => {
    const { executed, messages, settle, commit, endAlone } = open({ groupCommit: 'auto', concurrency: 8 });
    void messages('a', 'b', 'c');
    await settle();
    await commit(2 * 41, 10);
    void messages(...Array.from({ length: 16 }, () => 'alone'));
    await endAlone();
    void messages('d', 'e', 'f');
    await settle();
    await commit(2 * 39, 10);
    await endAlone();
    void messages('g', 'h', 'i');
    await settle();
    expect(executed).toEqual(['a', ['b', 'c'], ...Array(16).fill('alone'), 'd', ['e', 'f'], 'g', ['h', 'i']]);
  });

  it('is nothing for a handler that asks for one at a time', () => {
    expect(sharingOf({ groupCommit: 1, concurrency: 8 })).toBeUndefined();
    expect(sharingOf({ batch: 1, concurrency: 2 })).toBeUndefined();
  });
});

function executableOf(name: string): Executable {
  return { message: { messageId: name } } as Executable;
}

function nameOf({ message }: Executable): string {
  return message.messageId;
}
