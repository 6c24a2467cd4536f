import ms from 'ms';

/**
 * Names and arguments on the broker.
 *
 * ```
 * tallystick.half ──► user-service.half.10s   nobody consumes it; after 10 s its messages are dead-lettered to
 *                     user-service.half.1m    tallystick.half-checks ──► user-service.half-checks
 *                     user-service.half.5m    tallystick.half-parked ──► user-service.half-parked
 * ```
 *
 * One queue per pause, and never a time to live per message: RabbitMQ looks at the head of a queue only, so a short one waits
 * behind a long one. Dead-lettered *at least once*: with the other strategy a message is lost when its target is not there.
 * That strategy needs `reject-publish`.
 */
export class Topology {
  readonly half = 'tallystick.half';
  readonly checks = 'tallystick.half-checks';
  readonly parked = 'tallystick.half-parked';

  constructor(
    readonly service: string,
    private readonly pausesMs: readonly number[],
  ) {}

  /** The key of the queue in which a half message rests for the pause with this number. */
  restingKey(pause: number): string {
    return `${this.service}.${ms(this.pausesMs[pause]!)}`;
  }

  get checkQueue(): string {
    return `${this.service}.half-checks`;
  }

  get parkedQueue(): string {
    return `${this.service}.half-parked`;
  }

  /**
   * In this order: what is dead-lettered must find its target.
   * @param brokerMajor of the broker's version: what is parked may be looked at as often as a person likes, and since 4.0 a
   * quorum queue drops what was looked at 20 times. Never asked for before: there -1 is accepted, and drops it the first time.
   */
  queues(brokerMajor: number): Queue[] {
    const unlimited = brokerMajor >= 4 ? { 'x-delivery-limit': -1 } : {};
    return [
      { name: this.parkedQueue, exchange: this.parked, key: this.service, arguments: { ...QUORUM, ...unlimited } },
      {
        name: this.checkQueue,
        exchange: this.checks,
        key: this.service,
        // Since 4.0 a quorum queue drops what came back 20 times, counting every process that died with it in hand.
        arguments: { ...QUORUM, ...deadLetters(this.parked, this.service) },
      },
      ...this.pausesMs.map((pauseMs, pause) => ({
        name: `${this.service}.half.${ms(pauseMs)}`,
        exchange: this.half,
        key: this.restingKey(pause),
        arguments: { ...QUORUM, 'x-message-ttl': pauseMs, ...deadLetters(this.checks, this.service) },
      })),
    ];
  }
}

export interface Queue {
  readonly name: string;
  readonly exchange: string;
  readonly key: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

const QUORUM = { 'x-queue-type': 'quorum' };

function deadLetters(exchange: string, key: string): Readonly<Record<string, unknown>> {
  return {
    'x-dead-letter-exchange': exchange,
    'x-dead-letter-routing-key': key,
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };
}
