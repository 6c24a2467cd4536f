import { carryCases } from './transport-contract-carry';
import { consumeCases } from './transport-contract-consume';
import { outcomeCases } from './transport-contract-outcome';
import type { TransportContractCase } from './transport-contract-scenario';

export {
  CONTRACT_LISTENERS,
  CONTRACT_SERVICES,
  type ContractService,
  type TransportContractCase,
  type TransportFixture,
} from './transport-contract-scenario';

/**
 * What every {@link Transport} must do, one sentence per case. Run each against a network of its own:
 *
 * ```ts
 * for (const { name, run } of transportContract()) it(name, async () => run(await newFixture()));
 * ```
 */
export function transportContract(): TransportContractCase[] {
  return [...carryCases, ...outcomeCases, ...consumeCases];
}
