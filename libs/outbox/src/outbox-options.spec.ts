import { InvalidOptionsError } from './errors';
import { type OutboxModuleOptions, resolveOptions } from './outbox-options';

const transport = { name: 'none', create: () => ({}) as never };
const problemsOf = (options: object): readonly string[] => {
  try {
    resolveOptions({ service: 'user-service', transport, ...options } as OutboxModuleOptions);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems;
    throw error;
  }
  return [];
};

describe('resolveOptions', () => {
  it('needs a service and a transport, nothing else', () => {
    expect(resolveOptions({ service: 'user-service', transport })).toMatchObject({
      leaseMs: 30_000,
      horizonMs: 14 * 86_400_000,
      window: 1_024,
      maxPublishesPerSecond: Infinity,
      shedAfterMs: 60_000,
      relay: true,
    });
  });

  it('keeps its tables in PostgreSQL unless it is told where', () => {
    expect(resolveOptions({ service: 'user-service', transport }).store.name).toBe('postgres');
  });

  it('reports all problems in one error', () => {
    expect(problemsOf({ service: 'User.Service', lease: 'soon', window: 0 })).toHaveLength(3);
  });

  it('knows what a misspelt option was meant to be', () => {
    expect(problemsOf({ handlerTimout: '5s' })).toEqual([
      "unknown option 'handlerTimout'. Did you mean 'handlerTimeout'?",
    ]);
    expect(problemsOf({ banana: 1 })).toEqual(["unknown option 'banana'."]);
  });

  it('refuses an inbox that forgets before every copy is gone (R9), and names both values', () => {
    expect(problemsOf({ retention: { inbox: '14d' } })).toEqual([
      expect.stringMatching(/retention\.inbox \(14d\) must be at least horizon \(14d\) \+ 1 day/),
    ]);
    expect(problemsOf({ retention: { inbox: '15d' } })).toEqual([]);
    expect(problemsOf({ horizon: '40d' })).toHaveLength(2);
  });

  it.each([
    [{ giveUpAfter: '20d' }, 'giveUpAfter'],
    [{ lease: 10 }, 'lease'],
    [{ backoff: { first: '10m', max: '5m' } }, 'backoff.first'],
    [{ transport: undefined }, 'transport is missing'],
    [{ store: 'postgres' }, 'store is none'],
    [{ transactionHost: { manager: () => undefined } }, 'needs both functions'],
    [{ strictWrites: 'maybe' }, 'strictWrites'],
    [{ relay: 'yes' }, 'relay'],
    [{ maxPayloadBytes: 1.5 }, 'maxPayloadBytes'],
    [{ maxPublishesPerSecond: 0 }, 'maxPublishesPerSecond'],
    [{ shedAfter: 'soon' }, 'shedAfter'],
  ])('refuses %j', (options, named) => {
    expect(problemsOf(options)).toEqual([expect.stringContaining(named)]);
  });
});
