import { join } from 'node:path';

/** What stands between an adversary and what it wants, each of which can be taken out for a control. */
export const CHECKS = [
  'a queue yields only what it is for',
  'what is not signed is refused',
  'messages are from the user of their service',
  'cancels are from the user of their service',
  'receipts are from the user of their service',
  'nobody asks for answers to somebody else',
  'what another queue has passed on is not believed',
  'an answer is to a content',
  'fields are as narrow as their columns',
] as const;
export type Check = (typeof CHECKS)[number];

export const WITHOUT_VARIABLE = 'ADVERSARY_WITHOUT';

/** The environment of services that lack this check. */
export function without(check: Check): NodeJS.ProcessEnv {
  // From the tests this file is read as a source, the module is always the built one.
  const checks = join(__dirname, '..', '..', 'dist', 'adversary', 'checks.js');
  return { [WITHOUT_VARIABLE]: check, NODE_OPTIONS: `--require ${JSON.stringify(checks)}` };
}
