import { randomUUID } from 'node:crypto';
import { answerCases } from './store-contract-answer';
import { auditCases } from './store-contract-audit';
import { historyCases } from './store-contract-history';
import { inboxCases } from './store-contract-inbox';
import { jobCases } from './store-contract-jobs';
import { operateCases } from './store-contract-operate';
import { orderCases } from './store-contract-order';
import { pauseCases } from './store-contract-pause';
import { recordCases } from './store-contract-record';
import { rowCases } from './store-contract-rows';
import { ACCEPTED, CONSUMER, type ContractCase, type StoreFixture } from './store-contract-scenario';
import { sendCases } from './store-contract-send';

export type { ContractCase, StoreFixture } from './store-contract-scenario';

/**
 * What every {@link OutboxStore} must do, one sentence per case. Run each against a fixture with empty tables:
 *
 * ```ts
 * for (const { name, run } of outboxStoreContract()) it(name, () => run(fixture));
 * ```
 */
export function outboxStoreContract(): ContractCase[] {
  return [
    ...recordCases,
    ...rowCases,
    ...rowCases.map(inCompany),
    ...sendCases,
    ...answerCases,
    ...answerCases.map(inCompany),
    ...operateCases,
    ...pauseCases,
    ...orderCases,
    ...orderCases.map(inCompany),
    ...jobCases,
    ...auditCases,
    ...historyCases,
  ];
}

/** What every {@link InboxStore} must do. */
export function inboxStoreContract(): ContractCase[] {
  return [...inboxCases];
}

/** A store may close one answer in another way than several. Here none is alone: beside it goes one to a message that nobody knows. */
function inCompany({ name, run }: ContractCase): ContractCase {
  return {
    name: `${name} (answers in company)`,
    run: (fixture) =>
      run({
        outbox: neverClosingOne(fixture.outbox),
        inbox: fixture.inbox,
        transactions: fixture.transactions,
        advance: (ms) => fixture.advance(ms),
      }),
  };
}

function neverClosingOne(outbox: StoreFixture['outbox']): StoreFixture['outbox'] {
  const closeMany: typeof outbox.closeMany = (answers, lease) => {
    const stranger = { messageId: randomUUID(), consumer: CONSUMER, answer: ACCEPTED };
    return outbox.closeMany(answers.length === 1 ? [...answers, stranger] : answers, lease);
  };
  return new Proxy(outbox, {
    get(target, name) {
      if (name === 'closeMany') return closeMany;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
