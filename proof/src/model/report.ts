import { ADVERSARY_PROPERTIES } from './adversary';
import { ANNOUNCEMENT_PROPERTIES } from './announcement';
import { BUNDLE_PROPERTIES } from './bundles';
import { CHAIN_PROPERTIES } from './chains';
import { Chapter, CHAPTERS } from './chapters';
import { HALF_PROPERTIES } from './half-messages';
import { PROPERTIES } from './invariants';
import { number, table } from './markdown';
import { ORDER_PROPERTIES } from './ordered';
import { LIMITS } from './page-text';
import { CONSUMER_PROPERTIES } from './consumers';
import { BaselineResult, ModelResult, ModelSummary, RemovalResult, TimedResult } from './summary';

/**
 * Renders docs/protocol-traces.md: everything that was explored. The page of a full run is the page of a small run and one more section at its end, so the
 * test, which has time for a small run only, can still compare everything before that section byte for byte. There are
 * no timings in it.
 */
export function renderTracesPage(summary: ModelSummary): string {
  const sections = [
    opening(summary),
    propertiesSection(),
    tableSection(summary.request),
    ...CHAPTERS.map((chapter) => chapterSection(chapter, summary.request)),
    timedSection(summary.timed),
    sideSection('Announcements', ANNOUNCEMENTS, summary.announcement),
    sideSection('Several consumers', CONSUMERS, summary.consumers),
    sideSection('Somebody else at the broker', ADVERSARY, summary.adversary),
    sideSection('Messages that travel together', BUNDLES, summary.bundles),
    sideSection('Half messages', HALF_MESSAGES, summary.halfMessages),
    sideSection('The order of a key', ORDER, summary.ordered),
    chainsSection(summary.chains),
    limitsSection(),
    ...(summary.everything ? [everythingSection(summary.everything)] : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

const SAYS: ReadonlyMap<string, string> = new Map(
  [
    ...[...PROPERTIES, ...ANNOUNCEMENT_PROPERTIES, ...CONSUMER_PROPERTIES, ...ADVERSARY_PROPERTIES],
    ...[...BUNDLE_PROPERTIES, ...HALF_PROPERTIES, ...ORDER_PROPERTIES, ...CHAIN_PROPERTIES],
  ].map(({ id, says }) => [id, says]),
);

const ANNOUNCEMENTS =
  'Nobody waits for the receipt of an announcement: its row ends at *delivered*, and from then on the copy in the ' +
  'queue is all there is. So the broker is trusted to keep what it confirmed, and the subscriber must not let go of a ' +
  'copy that it could not handle.';
const CONSUMERS =
  'A request with several consumers has one delivery per consumer, each with its own verdict, completion or compensation.';
const ADVERSARY =
  'The rules above trust what arrives to be what it says. Here somebody else has a user at the broker, reads everything, and ' +
  'sends what he likes, but has neither the keys nor the users of the two services. What he can still do is keep things ' +
  'from arriving. ' +
  'V5 and V6 take two checks away: the second one holds while the first is there, and for its own property also without it.';
const BUNDLES =
  'Under load several messages, or several receipts, are one AMQP message: confirmed, returned, delivered, lost and acknowledged ' +
  'at once. To every rule above a bundle is as many copies as it has members, which share their luck. What is added is that ' +
  'both sides must read it. How it is written: [operations](operations.md#rabbitmq).';

const HALF_MESSAGES =
  'Where the effect cannot share a transaction with a row of the outbox, the message rests at the broker until somebody says ' +
  'whether it was committed ([half messages](../libs/half-message/README.md)). From the moment it is shown it is a message like all ' +
  'others above.';

const ORDER =
  'With `ordered` the next message of a key is sent when the one before is final. What order that is, and what it costs, says ' +
  '[ADR 17](adr/0017-order-by-waiting.md). The numbers are drawn while the transactions are open; who looks, and who writes what he saw, are ' +
  'two steps, and others take theirs in between.';

const CHAINS =
  'One purchase over three services: user-service has taken the money, order-service opens an order, stock-service takes the piece. ' +
  'Three designs, the same faults, the same properties. The second and the third need nothing of the library but the rules above; ' +
  'the first would be a new part of it, and [ADR 16](adr/0016-no-verdict-waits-for-another.md) says why it is not.';
const DESIGNS: Readonly<Record<keyof ModelSummary['chains'], string>> = {
  nested: 'A verdict that waits for the next one',
  orchestrated: 'Orchestrated',
  reported: 'Accepted, and reported later',
};

function opening({ request }: ModelSummary): string {
  const { baselines, removals } = request;
  const breaking = removals.filter(({ outcome }) => outcome === 'breaks').length;
  const harmless = removals.filter(({ outcome }) => outcome === 'speed-only').length;
  return `<!-- Generated from proof/src/model: change the model, not this page. -->

# The protocol, explored

For reviewers. Whoever wants to learn what the rules are and what each is for reads [protocol.md](protocol.md), which explains
the words of this page, too.

A protocol is easy to believe and hard to be sure of. This page is the output of a program that tries *every* order of
events: two relays and the process that recorded the message, a broker that loses, duplicates, reorders and delivers
late, a crash between any two steps, commits whose answer is lost, deploys that remove a handler, deadlines, cancels,
operators, and a message that grows older than anybody remembers. With all its rules the protocol keeps every property
below. Then the rules are taken away, one at a time, and the program prints the shortest story of what goes wrong:
${breaking} removals break a property, ${harmless} break none and are kept for speed or visibility.

Read it beside the code of the model, [proof/src/model](../proof/src/model): \`rules.ts\` has one switch per rule,
\`steps/\` what can happen next, \`invariants.ts\` the properties, \`explorer.ts\` the search.

## Everything that was explored, with all rules

${table(
  ['world', 'what takes part', 'states', 'steps between them', ''],
  baselines.map((result) => [result.world, result.says, ...counts(result), verdictOf(result)]),
)}

A *state* is everything that producer, broker and consumer know at one moment, so a state stands for every history that
leads to it. How the model stays finite without hiding anything is explained where the fields are declared, in \`state.ts\`.`;
}

function propertiesSection(): string {
  const of = (liveness: boolean) => PROPERTIES.filter(({ kind }) => (kind === 'liveness') === liveness);
  const list = (liveness: boolean) =>
    of(liveness)
      .map(({ id, says }) => `- **${id}** ${says}`)
      .join('\n');
  return `## What must be true

In every state and of every step:

${list(false)}

And from every state there must be a way on. The way may not need luck: it is made of ordinary steps only, without a
crash, a loss or a duplicate, and with a person only where one is mentioned.

${list(true)}`;
}

function tableSection({ removals }: ModelResult): string {
  const broken = removals.filter(({ outcome }) => outcome !== 'speed-only');
  return `## What breaks without which rule

The trace is the shortest there is. *States* is how many the search had seen when it found the trace; for a property
L it is all of them, because only the whole graph shows that no way leads on.

${table(
  ['', 'removed', 'breaks', 'steps', 'states'],
  broken.map((removal) => [
    removal.id,
    nameOf(removal),
    breaksOf(removal),
    String(removal.trace.length),
    number(removal.states),
  ]),
)}`;
}

function chapterSection(chapter: Chapter, { removals }: ModelResult): string {
  const own = removals.filter(({ id }) => chapter.removals.some((removal) => removal.id === id));
  const title = /^R\d/.test(chapter.id) ? `${chapter.id} · ${chapter.title}` : chapter.title;
  const head = `### ${title}\n\n${chapter.says}`;
  if (own.length === 0) return head;
  if (own.some(({ outcome }) => outcome === 'speed-only')) return `${head}\n\n${speedTable(own)}`;
  return [head, ...own.map(story)].join('\n\n');
}

function speedTable(removals: readonly RemovalResult[]): string {
  return table(
    ['', 'removed', 'states', 'outcome', 'what it is for'],
    removals.map((removal) => [
      removal.id,
      removal.without.join(' '),
      number(removal.states),
      removal.outcome === 'speed-only' ? 'every property holds' : breaksOf(removal),
      removal.says ?? '',
    ]),
  );
}

/** A counterexample as a numbered story. */
function story(removal: RemovalResult): string {
  const { id, property, trace, thereafter } = removal;
  const head = `**${id}**, removed: ${nameOf(removal)}`;
  if (property === undefined) return `${head}\n\nNothing breaks without it. ${thereafter ?? ''}`.trimEnd();
  const lines = trace.map((sentence, index) => `${index + 1}. ${sentence}`);
  const end = `${thereafter ? `From here no way leads on. ${thereafter} ` : ''}Broken: ${property}, ${says(property)}`;
  return `${head}\n\n${lines.join('\n')}\n\n${end}`;
}

function timedSection({ burst, busyTwin, deadline }: TimedResult): string {
  const bursts = [['checked', burst.leaseChecked] as const, ['not checked', burst.leaseNotChecked] as const].map(
    ([lease, result]) => [
      lease,
      number(result.published),
      number(result.duplicates),
      result.drainedAtSeconds === null ? 'not within 200 s' : `after ${result.drainedAtSeconds} s`,
    ],
  );
  return `## When: three rules that need a clock

The model has no clock, so these three are plain arithmetic (\`timed.ts\`).

**R16, the lease is checked before publishing.** A process records 250 messages a second for 20 seconds and 100 a second
after that; it can publish 150. Rows wait in memory longer than their lease, so the sweep claims them too.

${table(['lease', 'published', 'of these duplicates', 'drained'], bursts)}

**R12, a copy that finds its twin in progress stays silent.** How often a message is published while one slow handler
runs, if the second copy answers *deferred* and if it says nothing:

${table(
  ['handler', '*deferred*', 'silent'],
  busyTwin.map((row) => [`${row.handlerSeconds} s`, String(row.deferred), String(row.silent)]),
)}

**R8, \`next_at\` is never later than the deadline.** How long after its deadline a sent row is noticed, with receipt
waits that double from a minute to an hour:

${table(
  ['deadline', 'capped by the deadline', 'not capped'],
  deadline.map((row) => [`${row.deadlineSeconds} s`, `${row.capped} s late`, `${row.notCapped} s late`]),
)}`;
}

function sideSection(title: string, text: string, { baselines, removals }: ModelResult): string {
  const found = baselines.map(
    (result) =>
      `With all rules: ${result.says}; ${number(result.states)} states, ${number(result.edges)} steps, ${verdictOf(result)}.\n\n` +
      result.properties.map((id) => `- **${id}** ${says(id)}`).join('\n'),
  );
  return [`## ${title}`, text, ...found, ...removals.map(story)].join('\n\n');
}

function chainsSection(chains: ModelSummary['chains']): string {
  const designs = Object.entries(DESIGNS).map(([name, title]) => ({
    title,
    result: chains[name as keyof typeof DESIGNS],
  }));
  const rows = designs.map(({ title, result: { baselines, removals } }) => {
    const [whole] = baselines as [BaselineResult];
    return [title, whole.says, String(removals.length), ...counts(whole), verdictOf(whole)];
  });
  const properties = CHAIN_PROPERTIES.map(({ id, says: sentence }) => `- **${id}** ${sentence}`).join('\n');
  const stories = designs.flatMap(({ title, result: { removals } }) => [`### ${title}`, ...removals.map(story)]);
  const compared = table(['design', '', 'rules of its own', 'states', 'steps between them', ''], rows);
  return ['## Chains of services', CHAINS, compared, properties, ...stories].join('\n\n');
}

function limitsSection(): string {
  return `## What this does not show

${table(
  ['', 'why, and what does'],
  LIMITS.map(([what, why]) => [what, why]),
)}`;
}

function everythingSection({ baselines, removals }: ModelResult): string {
  const [whole] = baselines as [BaselineResult];
  return `## Everything at once

The small worlds above are explored by every test run. This is the full size: ${whole.says}. With all rules:
${number(whole.states)} states, ${number(whole.edges)} steps, ${verdictOf(whole)}. And without them (R6a shows only with a
consumer that contradicts itself, which has its own world above):

${table(
  ['', 'outcome', 'steps', 'states'],
  removals.map((removal) => [
    removal.id,
    removal.outcome === 'speed-only' ? 'every property holds' : breaksOf(removal),
    removal.property === undefined ? '–' : String(removal.trace.length),
    number(removal.states),
  ]),
)}`;
}

const says = (property: string): string => SAYS.get(property) ?? property;
const nameOf = (removal: RemovalResult): string => removal.says ?? removal.without.join(' ');
const breaksOf = ({ property }: RemovalResult): string => (property ? `${property}: ${says(property)}` : '**nothing**');
const counts = ({ states, edges }: BaselineResult): string[] => [number(states), number(edges)];

function verdictOf({ holds, properties, broken }: BaselineResult): string {
  if (!holds) return `**${broken?.property} is broken**`;
  return properties.length === PROPERTIES.length ? 'every property holds' : `${properties.join(', ')} hold`;
}
