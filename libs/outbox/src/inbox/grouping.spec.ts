import { VirtualClock } from '../adapters/memory/virtual-clock';
import type { Executable, Execution, GroupOutcome } from './execution';
import { Grouping } from './grouping';
import type { Outcome } from './outcome';

describe('Grouping', () => {
  /** What was executed: groups as lists, and who went alone as text. Groups end when they are told how. */
  function open(limits = { groupCommit: 2, concurrency: 4 }) {
    const executed: (string[] | string)[] = [];
    const groups: { members: readonly Executable[]; end(outcome: GroupOutcome): void }[] = [];
    const clock = new VirtualClock();
    const execution = {
      together: (members: readonly Executable[]) => {
        executed.push(members.map(nameOf));
        return new Promise<GroupOutcome>((end) => groups.push({ members, end }));
      },
      alone: async (executable: Executable): Promise<Outcome> => {
        executed.push(nameOf(executable));
        return { kind: 'deferred', error: `${nameOf(executable)} alone` };
      },
    } as unknown as Execution;
    const grouping = new Grouping(execution, clock, limits);
    const messages = (...names: string[]) => names.map((name) => grouping.execute(executableOf(name)));
    const settle = () => clock.advance(0);
    const commit = async () => {
      const { members, end } = groups.shift()!;
      const outcomes = members.map((member) => [member, { kind: 'deferred', error: nameOf(member) }] as const);
      end({ kind: 'committed', outcomes: new Map<Executable, Outcome>(outcomes) });
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
    return { executed, messages, settle, commit, fail, howManyAlone };
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
    const { executed, messages, settle, fail } = open({ groupCommit: 2, concurrency: 2 });
    const outcomes = messages('a', 'b', 'c');
    await settle();
    await fail();
    expect(executed).toEqual([['a', 'b'], 'a', 'b', ['c']]);
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
});

function executableOf(name: string): Executable {
  return { message: { messageId: name } } as Executable;
}

function nameOf({ message }: Executable): string {
  return message.messageId;
}
