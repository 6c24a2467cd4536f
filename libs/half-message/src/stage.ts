import {
  type ContractClass,
  InvalidMessageError,
  MessageAlreadyRecordedError,
  type Outbox,
  type Transactions,
} from '@tallystick/outbox';
import type { Stage } from './checks';
import type { HalfMessage } from './half-message';

/** Makes a half message visible by recording it in the outbox, under its id: a second time changes nothing (R10). */
export class OutboxStage implements Stage {
  constructor(
    private readonly outbox: Outbox,
    private readonly transactions: Transactions,
  ) {}

  async isShown(id: string): Promise<boolean> {
    return (await this.outbox.status(id)) !== undefined;
  }

  async show({ id, payload }: HalfMessage, contract: ContractClass): Promise<void> {
    try {
      await this.transactions.run(() => this.outbox.add(contract, JSON.parse(payload) as object, { id }), {
        propagation: 'new',
      });
    } catch (error) {
      if (!(error instanceof MessageAlreadyRecordedError)) throw error;
    }
  }

  isRefusal(error: unknown): boolean {
    // No JSON: nobody has stored that by `run`.
    return error instanceof InvalidMessageError || error instanceof SyntaxError;
  }
}
