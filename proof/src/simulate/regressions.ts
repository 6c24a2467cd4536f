/**
 * Seeds that once broke an invariant, each with the defect it found. They run with every test. A seed means something else
 * once the simulation changes, so a defect also gets a test of its own where it was.
 */
export const REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 10032, found: 'a dead process was granted a lock and wrote into a row somebody else held (memory database)' },
  { seed: 10873, found: 'the same, with two receipts of one process' },
];
