#!/usr/bin/env bash
# amqplib 0.10.9: when `publish` returns true, its socket has not been given a byte. Each channel writes into a stream of its own,
# from which a loop takes it in a `setImmediate`: behind every promise, every `nextTick` and every answer that is ready in this turn of
# the event loop. A process that begins other work right after it published keeps the message back for as long as that takes.
# Says when the socket gets a message that is published before 20 ms of work in small steps (promises), and before an immediate.
# Ends with 0 while it gets it after both. The other side is a server that greets and takes everything.
# Seen: when publish returned true, the socket had been given 0 bytes; after 20 ms of promises 0 bytes; in an immediate that was set
#       before amqplib's own 0 bytes, behind that 74 bytes
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund amqplib@0.10.9 >/dev/null
cat >run.cjs <<'JS'
const { connect } = require('amqplib');
const defs = require('amqplib/lib/defs');
const { createServer } = require('node:net');

/** Answers each method of the greeting with the one that follows it. */
function greet(socket) {
  const say = (channel, id, fields) => socket.write(defs.encodeMethod(id, channel, fields));
  const replies = {
    [defs.ConnectionStartOk]: (c) => say(c, defs.ConnectionTune, { channelMax: 10, frameMax: 4096, heartbeat: 0 }),
    [defs.ConnectionOpen]: (c) => say(c, defs.ConnectionOpenOk, { knownHosts: '' }),
    [defs.ChannelOpen]: (c) => say(c, defs.ChannelOpenOk, { channelId: Buffer.alloc(0) }),
  };
  let bytes = Buffer.alloc(0);
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    if (bytes.subarray(0, 4).toString() === 'AMQP') {
      bytes = bytes.subarray(8);
      const start = { versionMajor: 0, versionMinor: 9, serverProperties: {}, mechanisms: Buffer.from('PLAIN'), locales: Buffer.from('en_US') };
      say(0, defs.ConnectionStart, start);
    }
    while (bytes.length >= 7 && bytes.length >= 8 + bytes.readUInt32BE(3)) {
      if (bytes[0] === 1) replies[bytes.readUInt32BE(7)]?.(bytes.readUInt16BE(1));
      bytes = bytes.subarray(8 + bytes.readUInt32BE(3));
    }
  });
}

const server = createServer(greet).listen(0, '127.0.0.1', async () => {
  const connection = await connect(`amqp://127.0.0.1:${server.address().port}`);
  const channel = await connection.createChannel();
  const { stream } = connection.connection;
  await new Promise(setImmediate);
  const before = stream.bytesWritten;
  const given = () => stream.bytesWritten - before;
  const returned = channel.publish('', 'orders', Buffer.from('{"orderId":"o-1"}'));
  const atOnce = given();
  for (const end = performance.now() + 20; performance.now() < end; ) await Promise.resolve();
  const afterPromises = given();
  const first = await new Promise((resolve) => setImmediate(() => resolve(given())));
  await new Promise(setImmediate);
  const inImmediate = given();
  console.log(
    `when publish returned ${returned}, the socket had been given ${atOnce} bytes; after 20 ms of promises ${afterPromises} bytes; ` +
      `in an immediate that was set before amqplib's own ${first} bytes, behind that ${inImmediate} bytes`,
  );
  process.exit(returned && atOnce === 0 && afterPromises === 0 && first === 0 && inImmediate > 0 ? 0 : 1);
});
JS
node run.cjs
