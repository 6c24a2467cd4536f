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
import type { ContractCase } from './store-contract-scenario';
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
    ...sendCases,
    ...answerCases,
    ...operateCases,
    ...pauseCases,
    ...orderCases,
    ...jobCases,
    ...auditCases,
    ...historyCases,
  ];
}

/** What every {@link InboxStore} must do. */
export function inboxStoreContract(): ContractCase[] {
  return [...inboxCases];
}
