import type { Channel } from 'amqplib';
import { PassThrough } from 'node:stream';
import { joinWrites } from './join-writes';
import { sendNow } from './send-now';

describe('sendNow', () => {
  it('leaves a channel alone that keeps what it was given in another way', () => {
    const write = jest.fn();
    for (const connection of [undefined, {}, { channels: [] }, { channels: [null, null] }, { channels: [null, {}] }])
      sendNow({ ch: 1, connection: connection && { ...connection, stream: { write } } } as unknown as Channel);
    expect(write).not.toHaveBeenCalled();
  });

  it('takes with it what was joined before in this turn; what comes after it is joined again', async () => {
    const calls: string[] = [];
    const stream = new PassThrough();
    stream._writev = (chunks, done) => {
      calls.push(chunks.map(({ chunk }) => String(chunk)).join('+'));
      done();
    };
    joinWrites(stream);
    const buffer = new PassThrough({ objectMode: true });
    stream.write('a');
    buffer.write('b');
    sendNow({ ch: 0, connection: { stream, channels: [{ buffer }] } } as unknown as Channel);
    expect(calls).toEqual(['a+b']);
    for (const frame of ['c', 'd']) stream.write(frame);
    expect(calls).toEqual(['a+b']);
    await new Promise(setImmediate);
    expect(calls).toEqual(['a+b', 'c+d']);
  });
});
