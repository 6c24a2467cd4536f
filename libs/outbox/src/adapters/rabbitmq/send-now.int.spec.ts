import { testBroker } from '@tallystick/services';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import type { Socket } from 'node:net';
import { connect } from './connection';
import { sendNow } from './send-now';

describe('What a channel of amqplib was given', () => {
  let connection: ChannelModel;
  let channel: ConfirmChannel;
  let queue: string;

  beforeAll(async () => {
    const { hostname, port, username, password, pathname } = new URL(await testBroker('send-now'));
    const address = { hostname, port: Number(port), username, password, vhost: pathname.slice(1) };
    connection = await connect({ addresses: [address], socket: {} }, 'test');
    channel = await connection.createConfirmChannel();
    ({ queue } = await channel.assertQueue('', { exclusive: true }));
  });
  afterAll(() => connection.close());

  /** Bytes that the socket was given in this very turn by what is done, and what of them it still has. */
  const given = (work: () => void): { given: number; kept: number } => {
    const { stream } = connection.connection as unknown as { stream: Socket };
    const before = stream.bytesWritten;
    work();
    return { given: stream.bytesWritten - before, kept: stream.writableLength };
  };
  const publish = (body: Buffer): boolean => channel.sendToQueue(queue, body);

  it('has not left when it returns, but has if it is sent now', () => {
    expect(given(() => publish(Buffer.from('later')))).toEqual({ given: 0, kept: 0 });
    const now = given(() => {
      publish(Buffer.from('now'));
      sendNow(channel);
    });
    expect(now.kept).toBe(0);
    expect(now.given).toBeGreaterThan(0);
  });

  it('arrives once, whole and in order, whichever way it leaves', async () => {
    const bodies = ['a', 'b', 'x'.repeat(300_000), 'c', ''].map((text) => Buffer.from(text));
    bodies.forEach((body, at) => {
      publish(body);
      if (at % 2 === 0) sendNow(channel);
    });
    await channel.waitForConfirms();

    const arrived: Buffer[] = [];
    for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
      channel.ack(message);
      arrived.push(message.content);
    }
    expect(arrived.slice(-bodies.length).map(String)).toEqual(bodies.map(String));
  });
});
