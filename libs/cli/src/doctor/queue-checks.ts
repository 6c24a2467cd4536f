import { limitsByDefault } from './broker-checks';
import { type BrokerContext, namesIn } from './broker-context';
import { type Check, type Finding, unknown, wrong } from './check';
import type { ManagedQueue } from './management';

/** What only the management API can tell. Without it, all of this is unknown, and is said to be. */
export const QUEUE_CHECKS: readonly Check<BrokerContext>[] = [
  { name: 'queue-arguments', of: queueArguments },
  { name: 'two-databases', of: twoDatabases },
];

const UNKNOWN = (what: string): Finding[] => [
  unknown(what, 'Give --management-url (or TALLYSTICK_MANAGEMENT_URL), e.g. http://localhost:15672.'),
];

/** Arguments of the queue and policies come to the same; where both set something, an argument wins or the lower limit does. */
async function queueArguments(context: BrokerContext): Promise<Finding[]> {
  const { management, prefix } = context;
  if (!management)
    return UNKNOWN('Whether arguments or policies of queues can lose messages is only known to the management API.');
  const [queues, bindings] = [await management.queues(), await management.bindings()];
  const ours = new Set(
    bindings.filter(({ source }) => source.startsWith(`${prefix}.`)).map(({ destination }) => destination),
  );
  const irreplaceable = new Set(
    bindings
      .filter(({ source }) => [`${prefix}.announcements`, `${prefix}.quarantine`].includes(source))
      .map(({ destination }) => destination),
  );
  return queues
    .filter(({ name }) => ours.has(name))
    .flatMap((queue) => losses(queue, irreplaceable.has(queue.name), limitsByDefault(context)));
}

/** How this queue can lose a message that was confirmed. */
export function losses(queue: ManagedQueue, irreplaceable: boolean, limited: boolean): Finding[] {
  const setting = (name: string): unknown => queue.arguments[`x-${name}`] ?? queue.policies[name];
  const policy = queue.policy ?? queue.operator_policy;
  const undo = (name: string): string =>
    queue.arguments[`x-${name}`] === undefined
      ? `Take ${name} out of the policy "${policy}".`
      : 'It is an argument of the queue: move its messages away, delete it, and start the service, which declares it anew.';
  const name = `The queue ${queue.name}`;
  const found: Finding[] = [];

  if (queue.type !== undefined && queue.type !== 'quorum')
    found.push(
      wrong(`${name} is no quorum queue but ${queue.type}: it can be lost with its node.`, undo('queue-type')),
    );
  for (const limit of ['max-length', 'max-length-bytes']) {
    if (setting(limit) !== undefined && setting('overflow') !== 'reject-publish')
      found.push(
        wrong(
          `${name} has ${limit} ${String(setting(limit))} and drops its oldest messages when it is full, while the new ones are confirmed.`,
          `Set overflow to reject-publish as well, or: ${undo(limit)}`,
        ),
      );
  }
  if (setting('message-ttl') !== undefined)
    found.push(wrong(`${name} drops messages after ${String(setting('message-ttl'))} ms.`, undo('message-ttl')));
  if (setting('expires') !== undefined)
    found.push(
      wrong(
        `${name} is deleted, with its messages, when nobody uses it for ${String(setting('expires'))} ms.`,
        undo('expires'),
      ),
    );
  const limit = setting('delivery-limit') ?? (limited ? 20 : undefined);
  const kept = setting('dead-letter-exchange') !== undefined;
  if (irreplaceable && limit !== undefined && Number(limit) >= 0 && !kept)
    found.push(
      wrong(
        `${name} drops a message that came back ${String(limit)} times, and nobody sends it again.`,
        `Run: rabbitmqctl set_policy --apply-to quorum_queues keep '^${queue.name.replaceAll('.', '\\.')}$' '{"delivery-limit": -1}' (4.0 and later), or take the limit out of its policy or arguments.`,
      ),
    );
  return found;
}

/** Every consumer says which database it works on. */
async function twoDatabases(context: BrokerContext): Promise<Finding[]> {
  if (!context.management)
    return UNKNOWN('Whether two databases stand behind one service name is only known to the management API.');
  const { services, handled } = await namesIn(context);
  const names = new Set([...services, ...handled.map(({ consumer }) => consumer)]);
  const databases = new Map<string, Set<string>>();
  for (const { consumer_tag } of await context.management.consumers()) {
    const [, service, database] = /^(\S+) on database (\w+)/.exec(consumer_tag) ?? [];
    if (service === undefined || !names.has(service)) continue;
    databases.set(service, (databases.get(service) ?? new Set()).add(database!));
  }
  return [...databases]
    .filter(([, found]) => found.size > 1)
    .map(([service, found]) =>
      wrong(
        `${service} runs on ${found.size} databases (${[...found].sort().join(', ')}), which share out its messages: neither knows all.`,
        'Stop the processes that are connected to the wrong one.',
      ),
    );
}
