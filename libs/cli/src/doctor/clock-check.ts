import { type Check, type Finding, wrong } from './check';
import type { DatabaseContext } from './database-context';

export const CLOCK_CHECKS: readonly Check<DatabaseContext>[] = [{ name: 'clock', of: clock }];

/** Half of the time that the question took is the best guess of when it was answered. */
async function clock({ ask, questions, now, skewMs }: DatabaseContext): Promise<Finding[]> {
  const asked = now();
  const [answer] = await ask(questions.clock({ sinceMs: 0, graceMs: 0 }));
  const answered = now();
  const skew = answer!.now - (asked + answered) / 2;
  if (Math.abs(skew) <= skewMs + (answered - asked) / 2) return [];
  const seconds = Math.round(Math.abs(skew) / 1_000);
  return [
    wrong(
      `The clock of the database is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the one of this host.`,
      'Run NTP on both. The library goes by the databases alone, but between two of them more than an hour is refused (CLOCK).',
    ),
  ];
}
