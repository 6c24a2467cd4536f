import { CHAPTERS } from './chapters';
import { LESSONS, WORDS } from './lesson-text';
import { PROPERTIES } from './invariants';
import { number, table } from './markdown';
import { STATES } from './page-text';
import type { ModelSummary, RemovalResult } from './summary';

/**
 * Renders docs/protocol.md, for those who learn: the sixteen rules by importance, each with one example, in which every
 * actor has a column. The examples are the model's own traces; everything else that it found is in docs/protocol-traces.md.
 */
export function renderProtocolPage(summary: ModelSummary): string {
  const lessons = LESSONS.map(({ title, says, rules }) =>
    [`## ${title}`, says, ...rules.map((rule) => ruleSection(rule, summary))].join('\n\n'),
  );
  return `${[opening(summary), statesSection(summary), ...lessons, more()].join('\n\n')}\n`;
}

function opening({ request }: ModelSummary): string {
  const states = request.baselines.reduce((sum, baseline) => sum + baseline.states, 0);
  return `<!-- Generated from proof/src/model: change the model, not this page. -->

# The protocol: sixteen rules

Two services agree on one thing, over a broker that loses, repeats and delays, and either of them may die between any two steps.
It takes sixteen rules. They stand here by importance, each with what happens without it. Nobody made these examples up: a program
tries *every* order of events, ${number(states)} states with all rules, in which everything holds that must; then it takes one rule away and
prints the shortest way to break something. All that it found is in [protocol-traces.md](protocol-traces.md).

The words, first:

${WORDS.map(([word, meaning]) => `- **${word}** ${meaning}`).join('\n')}

In the examples user-service has taken a customer's money and wants an order from order-service. The three columns on the right are what each
of them holds after the step.`;
}

function statesSection({ chart }: ModelSummary): string {
  const next = (state: string): string[] => chart[state]?.filter((to) => to in STATES) ?? [];
  const rows = Object.entries(STATES).map(([state, meaning]) => [
    `**${state}**`,
    meaning,
    next(state).join(', ') || '–',
  ]);
  const arrows = Object.keys(STATES).flatMap((state) => next(state).map((to) => `    ${state} --> ${to}`));
  return `## The states of a delivery

The last column is not drawn but observed: every change of state that happens anywhere in a model with one relay and every fault. (A message with
several consumers has a delivery for each. An announcement, which nobody answers, ends as *delivered* when the broker has it in a queue.)

${table(['state', 'meaning', 'leads to'], rows)}

\`\`\`mermaid
stateDiagram-v2
    [*] --> pending
${arrows.join('\n')}
    completed --> [*]
    compensated --> [*]
    discarded --> [*]
\`\`\``;
}

function ruleSection({ id, why, example }: (typeof LESSONS)[number]['rules'][number], summary: ModelSummary): string {
  const chapter = CHAPTERS.find((each) => each.id === id)!;
  const removal = summary.request.removals.find((each) => each.id === example);
  const more = chapter.removals.filter((each) => each.id !== example).map((each) => each.id);
  const anchor = `${id} · ${chapter.title}`
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
  const others =
    more.length === 0 ? [] : [`Its other parts, each needed: [${more.join(', ')}](protocol-traces.md#${anchor}).`];
  const shown = removal ? exampleOf(removal) : burstExample(summary);
  return [`### ${id} · ${chapter.title}`, why, shown, ...others].join('\n\n');
}

function exampleOf({ id, trace, holdings, property, thereafter }: RemovalResult): string {
  if (!holdings) throw new Error(`The example of ${id} does not show what the actors hold.`);
  const rows = trace.map((sentence, index) => [String(index + 1), sentence, ...holdings[index]!]);
  const says = PROPERTIES.find((each) => each.id === property)!.says;
  const end = thereafter ? `From here nothing leads to a good end. ${thereafter} ` : '';
  return `Without it:

${table(['', 'what happens', 'user-service', 'broker', 'order-service'], rows)}

${end}Broken: *${says}*`;
}

/** R16 is about when, and the model has no clock: arithmetic. */
function burstExample({ timed }: ModelSummary): string {
  const { leaseChecked, leaseNotChecked } = timed.burst;
  const row = (name: string, { published, duplicates, drainedAtSeconds }: typeof leaseChecked): string[] => [
    name,
    number(published),
    number(duplicates),
    drainedAtSeconds === null ? 'not within 200 s' : `after ${drainedAtSeconds} s`,
  ];
  return `Without it, when 250 messages a second are recorded for 20 seconds and 150 can be published:

${table(['the lease is', 'published', 'of these duplicates', 'drained'], [row('checked', leaseChecked), row('not checked', leaseNotChecked)])}`;
}

function more(): string {
  return `## What else there is

- What must be true, as a list, and which removal breaks what: [the properties](protocol-traces.md#what-must-be-true), [the table](protocol-traces.md#what-breaks-without-which-rule).
- Lines of the chart of states that no rule mentions, each needed: [T1–T16](protocol-traces.md#the-chart-of-states); and what is only
  [for speed](protocol-traces.md#for-speed-or-visibility-only).
- [Announcements](protocol-traces.md#announcements), [several consumers](protocol-traces.md#several-consumers),
  [messages that travel together](protocol-traces.md#messages-that-travel-together), [half messages](protocol-traces.md#half-messages),
  [the order of a key](protocol-traces.md#the-order-of-a-key),
  [chains of services](protocol-traces.md#chains-of-services), and [somebody else at the broker](protocol-traces.md#somebody-else-at-the-broker).
- What a model cannot show, and what does: [its limits](protocol-traces.md#what-this-does-not-show), [guarantees.md](guarantees.md).
- Try it: \`npm run lab -- by-hand\` has eight of these rules in a small outbox, and each can be left out ([chapter](lab/11-by-hand.md)).`;
}
