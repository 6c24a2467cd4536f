import { MariaDbFixture } from '../adapters/mariadb/mariadb.fixture';
import { inboxStoreContract, outboxStoreContract } from './store-contract';

/** What a process of its own found out about the contract. */
export interface Findings {
  readonly zone: string;
  readonly kept: number;
  /** The sentences that were not true, and why. */
  readonly broken: string[];
}

/**
 * This file is the program of a process that `mariadb-store.int.spec.ts` starts, in another time zone, which is read when a process
 * begins: both halves of the contract.
 */
async function findings(): Promise<Findings> {
  const fixture = await MariaDbFixture.start();
  const broken: string[] = [];
  let kept = 0;
  try {
    for (const { name, run } of [...outboxStoreContract(), ...inboxStoreContract()]) {
      await fixture.empty();
      try {
        await run(fixture);
        kept += 1;
      } catch (error) {
        broken.push(`${name}: ${(error as Error).message}`);
      }
    }
  } finally {
    await fixture.stop();
  }
  return { zone: Intl.DateTimeFormat().resolvedOptions().timeZone, kept, broken };
}

void findings().then((found) => process.send!(found, () => process.disconnect()));
