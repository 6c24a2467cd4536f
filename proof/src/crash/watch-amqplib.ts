import { createRequire } from 'node:module';
import { reach } from './halt';
import { inHand } from './steps';

/** What passes between a process and its broker: amqplib's channels, wrapped. */

interface ChannelClass {
  readonly prototype: {
    publish(
      exchange: string,
      key: string,
      body: Buffer,
      options: { readonly type?: string },
      confirmed: (error: unknown) => void,
    ): boolean;
    consume(queue: string, take: (message: Delivered | null) => void, options?: object): Promise<unknown>;
    ack(message: Delivered, allUpTo?: boolean): void;
    nack(message: Delivered, allUpTo?: boolean, requeue?: boolean): void;
  };
}

interface Delivered {
  readonly fields: { readonly deliveryTag: number };
  readonly properties: { readonly type?: string };
}

const BUNDLE = 'outbox.bundle';

const { Channel, ConfirmChannel } = createRequire(__filename)('amqplib/lib/channel_model') as {
  readonly Channel: ChannelClass;
  readonly ConfirmChannel: ChannelClass;
};
const { consume, ack, nack } = Channel.prototype;
const { publish } = ConfirmChannel.prototype;

/** What each channel has delivered and not acknowledged: an acknowledgement may stand for several. */
const unacknowledged = new WeakMap<object, { readonly receipts: boolean; readonly messages: Set<Delivered> }>();

ConfirmChannel.prototype.publish = function (exchange, key, body, options, confirmed) {
  const receipt = exchange.endsWith('.receipts');
  const bundle = options.type === BUNDLE;
  if (!receipt) reach('before a publish');
  const written = publish.call(this, exchange, key, body, options, (error) => {
    if (error == null) reach(receipt ? 'receipt confirmed' : 'confirmed');
    if (error == null && bundle) reach(receipt ? 'bundle of receipts confirmed' : 'bundle confirmed');
    confirmed(error);
  });
  reach(receipt ? 'receipt published' : 'published');
  if (bundle) reach(receipt ? 'bundle of receipts published' : 'bundle published');
  return written;
};

Channel.prototype.consume = function (queue, take, options) {
  const receipts = queue.endsWith('.receipts');
  const messages = new Set<Delivered>();
  unacknowledged.set(this, { receipts, messages });
  const taking = (message: Delivered | null): void => {
    if (message) {
      messages.add(message);
      reach(receipts ? 'receipt delivered' : 'delivered');
    }
    if (message?.properties.type === BUNDLE) {
      inHand[receipts ? 'receipts' : 'messages'].add(message);
      reach(receipts ? 'bundle of receipts delivered' : 'bundle delivered');
    }
    take(message);
  };
  return consume.call(this, queue, taking, options);
};

Channel.prototype.ack = function (message, allUpTo = false) {
  ack.call(this, message, allUpTo);
  const { receipts, messages } = unacknowledged.get(this)!;
  const { deliveryTag } = message.fields;
  const done = [...messages].filter(
    ({ fields }) => fields.deliveryTag === deliveryTag || (allUpTo && fields.deliveryTag < deliveryTag),
  );
  for (const each of done) messages.delete(each);
  reach(receipts ? 'receipt acknowledged' : 'acknowledged');
  const bundles = inHand[receipts ? 'receipts' : 'messages'];
  if (done.filter((each) => bundles.delete(each)).length > 0)
    reach(receipts ? 'bundle of receipts acknowledged' : 'bundle acknowledged');
};

Channel.prototype.nack = function (message, ...how) {
  unacknowledged.get(this)!.messages.delete(message);
  for (const bundles of Object.values(inHand)) bundles.delete(message);
  nack.call(this, message, ...how);
};
