import { Logger } from '@nestjs/common';
import type { DeliveryKey } from '../../message/delivery';
import { keyText } from '../../message/envelope';

let said = false;

/** Deliveries without a message, which the library does not make: they cannot be sent, and nobody else waits for them. Said once. */
export function tellOfOrphans(orphans: readonly DeliveryKey[]): void {
  if (said) return;
  said = true;
  new Logger('Outbox').error(
    `There are deliveries whose messages are missing, e.g. ${keyText(orphans[0]!)}: somebody has deleted rows of outbox_message ` +
      'by hand. They are passed over. Restore the messages, or discard these deliveries.',
  );
}
