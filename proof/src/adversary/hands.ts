import { type Cleanup } from '@tallystick/services';
import { type Channel, type ChannelModel, connect, type ConsumeMessage } from 'amqplib';
import type { Hands, Heard, Shot } from './attacks';

/** What a user of the broker does with it, as far as the broker lets it. */
export class BrokerUser implements Hands {
  /** By kind and message. */
  private readonly copies = new Map<string, ConsumeMessage[]>();
  private readonly passingAnswersOn = new Set<string>();
  private listening: Channel | undefined;

  private constructor(
    private readonly connection: ChannelModel,
    private readonly user: string,
    /** The service whose queues it may have. */
    private readonly self: string,
  ) {}

  /** Logs in, and binds queues of its own to what others say. */
  static async logIn(url: string, self: string, cleanup: Cleanup): Promise<BrokerUser> {
    const connection = await connect(url);
    connection.on('error', () => {});
    cleanup.defer(() => connection.close().catch(() => {}));
    const user = new BrokerUser(connection, decodeURIComponent(new URL(url).username), self);
    await user.listen();
    return user;
  }

  /** What it has heard of a message. */
  heard(kind: Heard, messageId: string): readonly ConsumeMessage[] {
    return this.copies.get(`${kind} ${messageId}`) ?? [];
  }

  /** Under the name of whoever sent it first, under none and under its own; what the broker refuses costs the channel only. */
  async publish({ exchange, key, body, properties }: Shot): Promise<void> {
    const names = new Set([properties.userId, undefined, this.user]);
    for (const userId of names) {
      const channel = await this.connection.createConfirmChannel();
      const refused = new Promise<void>((resolve) => channel.once('error', () => resolve()));
      channel.publish(exchange, key, Buffer.from(body), { ...properties, userId });
      await Promise.race([channel.waitForConfirms().catch(() => {}), refused]);
      await channel.close().catch(() => {});
    }
  }

  passOn(heard: Heard, messageId: string): void {
    for (const copy of this.heard(heard, messageId)) this.listening!.nack(copy, false, false);
    this.copies.delete(`${heard} ${messageId}`);
  }

  async publishAndPassAnswerOn(shot: Shot, messageId: string): Promise<void> {
    this.passingAnswersOn.add(messageId);
    await this.publish(shot);
  }

  async attempt(work: (channel: Channel) => Promise<unknown>): Promise<boolean> {
    const channel = await this.connection.createChannel();
    channel.on('error', () => {});
    try {
      await work(channel);
      await channel.close();
      return true;
    } catch {
      return false;
    }
  }

  private async listen(): Promise<void> {
    const channel = await this.connection.createChannel();
    channel.on('error', () => {});
    try {
      const requests = await this.own(channel, 'heard.requests', { to: 'outbox.requests' });
      await channel.bindQueue(requests, 'outbox.requests', 'rig-consumer.purchase.made');
      await channel.bindQueue(requests, 'outbox.requests', 'rig-consumer.cancel');
      const receipts = await this.own(channel, 'heard.receipts', { to: 'outbox.receipts' });
      await channel.bindQueue(receipts, 'outbox.receipts', 'rig-producer');
      const answers = await this.own(channel, 'answers', { to: 'outbox.receipts', key: 'rig-producer' });
      await channel.bindQueue(answers, 'outbox.receipts', this.self);

      for (const queue of [requests, receipts]) await channel.consume(queue, (copy) => this.keep(copy!));
      await channel.consume(answers, (answer) => {
        const passesOn = this.passingAnswersOn.has(String(answer!.properties.correlationId));
        if (passesOn) channel.nack(answer!, false, false);
        else channel.ack(answer!);
      });
      this.listening = channel;
    } catch {
      // The broker does not let it.
    }
  }

  /** A queue that passes on to an exchange what its reader rejects. */
  private async own(channel: Channel, name: string, { to, key }: { to: string; key?: string }): Promise<string> {
    const options = { exclusive: true, deadLetterExchange: to, ...(key && { deadLetterRoutingKey: key }) };
    return (await channel.assertQueue(`${this.self}.${name}`, options)).queue;
  }

  private keep(copy: ConsumeMessage): void {
    const { correlationId, messageId, type } = copy.properties;
    const kind = type === 'outbox.receipt' ? 'receipt' : type === 'outbox.cancel' ? 'cancel' : 'message';
    const name = `${kind} ${String(kind === 'receipt' ? correlationId : messageId)}`;
    this.copies.set(name, [...(this.copies.get(name) ?? []), copy]);
  }
}
