import type { PassiveOutbox } from '@tallystick/outbox';

const CONSUMER = 'order-service';
const BY = 'demo';

/** Steers the deliveries of user-service from outside, as `tallystick` does: through the database, and nothing else. */
export class Steering {
  private opening: Promise<PassiveOutbox> | undefined;

  constructor(private readonly databaseUrl: string) {}

  async pause(): Promise<void> {
    const { operations } = await this.open();
    await operations.pause({ to: CONSUMER, by: BY, reason: 'somebody pressed the button' });
  }

  async resume(): Promise<void> {
    const { operations } = await this.open();
    await operations.resume({ to: CONSUMER, by: BY });
  }

  /** Asks order-service to give it up; that decides, and if it has decided already, nothing happens. */
  async cancel(id: string): Promise<void> {
    const { operations } = await this.open();
    await operations.cancel(id, { to: CONSUMER, by: BY, reason: 'somebody pressed the button' });
  }

  async close(): Promise<void> {
    const opened = await this.opening?.catch(() => undefined);
    await opened?.close();
  }

  /** Not before it is needed: the library brings much along. */
  private open(): Promise<PassiveOutbox> {
    return (this.opening ??= import('@tallystick/outbox').then(({ openOutbox }) =>
      openOutbox({ url: this.databaseUrl, service: 'user-service' }),
    ));
  }
}
