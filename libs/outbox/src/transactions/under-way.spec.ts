import { TransactionEndedError } from '../errors';
import { UnderWay } from './under-way';

describe('what is under way in a transaction', () => {
  it('lets it be committed when all of it is done, in whatever order', () => {
    const underWay = new UnderWay();
    const [one, other] = [underWay.begin('add'), underWay.begin('add')];
    other();
    one();
    expect(() => underWay.refuseCommit()).not.toThrow();
  });

  it('has the commit refused, with what had not finished', () => {
    const underWay = new UnderWay();
    underWay.begin('outbox.add');
    expect(() => underWay.refuseCommit()).toThrow(TransactionEndedError);
    expect(() => underWay.refuseCommit()).toThrow(/^outbox\.add had not finished .* rolled back instead: an `await`/);
  });

  it('names the first and counts the others, also where they are the same', () => {
    const underWay = new UnderWay();
    const done = underWay.begin('outbox.add');
    for (const what of ['outbox.cancel', 'outbox.add', 'outbox.add']) underWay.begin(what);
    done();
    done();
    expect(() => underWay.refuseCommit()).toThrow('outbox.cancel and 2 more had not finished');
  });
});
