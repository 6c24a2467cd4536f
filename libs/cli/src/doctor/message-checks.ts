import { type Check, type Finding, note, wrong } from './check';
import type { DatabaseContext } from './database-context';

/** What waits for a person, or for a relay. */
export const MESSAGE_CHECKS: readonly Check<DatabaseContext>[] = [
  { name: 'parked', of: parked },
  { name: 'overdue', of: overdue },
  { name: 'late-follow-ups', of: lateFollowUps },
];

async function parked({ ask, questions }: DatabaseContext): Promise<Finding[]> {
  const found = await ask(questions.parked());
  return found.map(({ service, count }) =>
    wrong(
      `${count} ${count === 1 ? 'delivery' : 'deliveries'} of ${service} ${count === 1 ? 'is' : 'are'} parked: nothing more happens by itself.`,
      `See why: tallystick --service ${service} list state:parked; then retry, cancel or discard.`,
    ),
  );
}

async function overdue({ ask, questions, dueMs }: DatabaseContext): Promise<Finding[]> {
  const found = await ask(questions.overdue(dueMs));
  return found.map(({ service, seconds }) =>
    wrong(
      `A delivery of ${service} has been due for ${seconds} s, and no relay has taken it.`,
      `Start a process of ${service} with relay: true; or its transport is down, or one relay does not keep up.`,
    ),
  );
}

/** Whether they deserve one is for a person to say; that is why it is only a note. */
async function lateFollowUps({ ask, questions }: DatabaseContext): Promise<Finding[]> {
  const found = await ask(questions.lateFollowUps());
  return found.map(({ service, type, verdict, handler, count }) =>
    note(
      `${count} ${verdict} ${type} of ${service} ${count === 1 ? 'was' : 'were'} closed before ${handler} was registered, so it never ran for ${count === 1 ? 'it' : 'them'}.`,
      'docs/operations.md has the query that lists them ("A follow-up was added later"). Whether they deserve one is for a person to say.',
    ),
  );
}
