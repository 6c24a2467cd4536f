import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import type { TransactionHost } from './transaction-host';
import { TransactionScopes } from './transaction-scopes';

const dataSource = {} as DataSource;
/** A manager as TypeORM makes one for a transaction. */
const managerOf = (of: DataSource, isTransactionActive = true) =>
  ({ dataSource: of, queryRunner: { isTransactionActive } }) as unknown as EntityManager;

describe('the transaction of the running call', () => {
  const scopes = new TransactionScopes(dataSource);
  const manager = managerOf(dataSource);

  it('is inherited by everything that the work calls, however deep and late, and by nothing beside it', async () => {
    await scopes.inside(manager, async () => {
      await new Promise(setImmediate);
      expect(scopes.current()).toBe(manager);
    });
    expect([scopes.current(), scopes.hasEnded()]).toEqual([undefined, false]);
  });

  it('is over for calls that nobody awaited, when the work is done; also when it failed', async () => {
    let goOn = (): void => {};
    let late!: Promise<unknown[]>;
    const work = async (): Promise<never> => {
      late = new Promise<void>((resolve) => (goOn = resolve)).then(() => [scopes.current(), scopes.hasEnded()]);
      throw new Error('rolled back');
    };
    await expect(scopes.inside(manager, work)).rejects.toThrow('rolled back');
    goOn();
    expect(await late).toEqual([undefined, true]);
  });

  it('is over when its connection says so, whoever ended it', async () => {
    const runner = { isTransactionActive: true };
    const one = { dataSource, queryRunner: runner } as unknown as EntityManager;
    await scopes.inside(one, async () => {
      expect([scopes.current(), scopes.hasEnded()]).toEqual([one, false]);
      runner.isTransactionActive = false;
      expect([scopes.current(), scopes.hasEnded()]).toEqual([undefined, true]);
    });
  });

  it('is the inner one within another, and the outer one again behind it', async () => {
    const inner = managerOf(dataSource);
    await scopes.inside(manager, async () => {
      await scopes.inside(inner, async () => expect(scopes.current()).toBe(inner));
      expect(scopes.current()).toBe(manager);
    });
  });

  it('is another one for each DataSource', async () => {
    const otherSource = {} as DataSource;
    const other = new TransactionScopes(otherSource);
    await scopes.inside(manager, async () => {
      expect(other.current()).toBeUndefined();
      await other.inside(managerOf(otherSource), async () => expect(scopes.current()).toBe(manager));
    });
    await scopes.inside(managerOf(otherSource), async () => expect(scopes.current()).toBeUndefined());
  });

  it('is none outside, which is no transaction that has ended', async () => {
    await scopes.inside(manager, async () => {
      expect(scopes.outside(() => [scopes.current(), scopes.hasEnded()])).toEqual([undefined, false]);
      expect(scopes.current()).toBe(manager);
    });
  });

  it('is none for a callback after its end, whose failure is logged and changes nothing', async () => {
    const logged: unknown[][] = [];
    const spy = jest.spyOn(Logger.prototype, 'error').mockImplementation((...line) => void logged.push(line));
    const seen: unknown[] = [];
    await scopes.inside(manager, async () => {
      scopes.detach(() => void seen.push(scopes.current()), 'afterCommit');
      scopes.detach(() => {
        throw new Error('no mail server');
      }, 'afterCommit');
      scopes.detach(() => Promise.reject(new Error('nor a fax')), 'afterCommit');
    });
    await new Promise(setImmediate);
    spy.mockRestore();
    expect(seen).toEqual([undefined]);
    expect(logged).toEqual([
      [expect.stringContaining('An afterCommit callback failed'), expect.stringContaining('no mail server')],
      [expect.stringContaining('the transaction itself is over'), expect.stringContaining('nor a fax')],
    ]);
  });

  describe('with a host that opens transactions of its own', () => {
    let hosted: EntityManager | undefined;
    const bridged = new TransactionScopes(dataSource, {
      manager: () => hosted,
    } as Partial<TransactionHost> as TransactionHost);
    beforeEach(() => void (hosted = undefined));

    it('is the host’s where we have opened none, and ours where we have', async () => {
      hosted = managerOf(dataSource);
      expect(bridged.current()).toBe(hosted);
      await bridged.inside(manager, async () => expect(bridged.current()).toBe(manager));
      expect(bridged.outside(() => bridged.current())).toBeUndefined();
    });

    it('is not that of the host for another DataSource, nor one that is over', () => {
      hosted = managerOf({} as DataSource);
      expect(bridged.current()).toBeUndefined();
      hosted = managerOf(dataSource, false);
      expect([bridged.current(), bridged.hasEnded()]).toEqual([undefined, true]);
    });

    it('is the host’s alone where our own are left to it', async () => {
      hosted = managerOf(dataSource);
      await bridged.inside(manager, async () => expect(bridged.leaveToHost(() => bridged.current())).toBe(hosted));
    });
  });
});
