import { type BrokerContext, namesIn, queueState, rabbitVersion } from './broker-context';
import { type Check, type Finding, note, unknown, wrong } from './check';

/** What anybody who may connect can ask a broker. */
export const BROKER_CHECKS: readonly Check<BrokerContext>[] = [
  { name: 'broker-version', of: version },
  { name: 'unroutable', of: unroutable },
  { name: 'consumers', of: consumers },
  { name: 'quarantine', of: quarantine },
];

/** Quorum queues without a limit of memory, and the oldest that the tests run with. */
const OLDEST = 3_010;
const LIMITED_SINCE = 4_000;

async function version({ connection }: BrokerContext): Promise<Finding[]> {
  return versionProblems(rabbitVersion(connection));
}

export function versionProblems(found: ReturnType<typeof rabbitVersion>): Finding[] {
  if (!found) return [unknown('The broker does not say that it is RabbitMQ.', 'Use RabbitMQ 3.10 or later.')];
  if (found.number >= OLDEST) return [];
  return [wrong(`RabbitMQ ${found.text} is older than anything this was tried with.`, 'Use RabbitMQ 3.10 or later.')];
}

/** Does the broker lose what comes back too often, unless it is told not to? */
export function limitsByDefault({ connection }: BrokerContext): boolean {
  return (rabbitVersion(connection)?.number ?? 0) >= LIMITED_SINCE;
}

/** Messages to somebody who has no queue come back; their rows are tried again until they park. */
async function unroutable(context: BrokerContext): Promise<Finding[]> {
  const { sent } = await namesIn(context);
  const found: Finding[] = [];
  for (const { service, consumer, type } of sent) {
    if (await queueState(context.connection, `${consumer}.${type}`)) continue;
    found.push(
      wrong(
        `${service} has recorded ${type} for ${consumer}, and there is no queue ${consumer}.${type}.`,
        `Start ${consumer} once with a handler for it; or correct "to:" in the contract. (Is this the right virtual host?)`,
      ),
    );
  }
  return found;
}

async function consumers(context: BrokerContext): Promise<Finding[]> {
  const { services, handled } = await namesIn(context);
  const queues = [
    ...services.map((service) => ({ service, queue: `${service}.receipts` })),
    ...handled.map(({ consumer, type }) => ({ service: consumer, queue: `${consumer}.${type}` })),
    ...[...new Set(handled.map(({ consumer }) => consumer))].map((each) => ({
      service: each,
      queue: `${each}.cancel`,
    })),
  ];
  const found: Finding[] = [];
  for (const { service, queue } of queues) {
    const state = await queueState(context.connection, queue);
    if (state === undefined) {
      found.push(wrong(`The queue ${queue} does not exist.`, `Start ${service}: it declares its queues.`));
    } else if (state.consumerCount === 0) {
      found.push(
        wrong(
          `Nobody consumes from ${queue}; ${state.messageCount} ${state.messageCount === 1 ? 'message waits' : 'messages wait'} there.`,
          `Start ${service}. If the handler was removed for good, see "Quarantine and queues of old handlers" in docs/operations.md.`,
        ),
      );
    }
  }
  return found;
}

async function quarantine(context: BrokerContext): Promise<Finding[]> {
  const { services, handled } = await namesIn(context);
  const found: Finding[] = [];
  for (const service of new Set([...services, ...handled.map(({ consumer }) => consumer)])) {
    const state = await queueState(context.connection, `${service}.quarantine`);
    if (state === undefined)
      found.push(note(`There is no queue ${service}.quarantine.`, `${service} declares it when it starts.`));
    else if (state.messageCount > 0) {
      const many = state.messageCount === 1 ? '1 message is' : `${state.messageCount} messages are`;
      found.push(
        wrong(
          `${many} in the quarantine of ${service}: nobody could be told about them.`,
          `Look at them: tallystick --service ${service} quarantine list.`,
        ),
      );
    }
  }
  return found;
}
