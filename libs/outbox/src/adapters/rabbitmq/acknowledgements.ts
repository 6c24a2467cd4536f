import type { Channel, ConsumeMessage } from 'amqplib';
import { quietly } from '../../concurrency/waiting';

/**
 * Tells the broker which messages of one channel are done: at the end of the turn, with one frame (`multiple`) for all that
 * are older than whatever is still in hand, and with one frame each for the others. Delivery tags count upwards per channel,
 * so "all up to this one" names nothing that was not taken here; and what went back into its queue is not the channel's any more.
 */
export class Acknowledgements {
  /** Tags of what is in hand, in the order it came. */
  private readonly inHand = new Set<number>();
  private done: ConsumeMessage[] = [];
  private telling: Promise<void> | undefined;

  constructor(private readonly channel: Channel) {}

  take({ fields }: ConsumeMessage): void {
    this.inHand.add(fields.deliveryTag);
  }

  /** Resolves when the broker is told; or is not, because the channel is gone: then the message comes again. */
  ack(message: ConsumeMessage): Promise<void> {
    this.inHand.delete(message.fields.deliveryTag);
    this.done.push(message);
    this.telling ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => quietly(() => this.tell()));
    return this.telling;
  }

  /** Puts it back into its queue. */
  async nack(message: ConsumeMessage): Promise<void> {
    this.inHand.delete(message.fields.deliveryTag);
    await quietly(() => this.channel.nack(message, false, true));
  }

  private tell(): void {
    const done = this.done.sort((one, other) => one.fields.deliveryTag - other.fields.deliveryTag);
    this.done = [];
    this.telling = undefined;
    const [oldest = Infinity] = this.inHand;
    const older = done.filter(({ fields }) => fields.deliveryTag < oldest);
    const newest = older.at(-1);
    if (newest) this.channel.ack(newest, older.length > 1);
    for (const message of done.slice(older.length)) this.channel.ack(message);
  }
}
