#!/usr/bin/env bash
# amqp-connection-manager 5.0.0: `ChannelWrapper.ack(message)` sends the delivery's number over whatever channel is open by now. After a
# reconnection that number is another delivery's: a message that nobody has handled is acknowledged, and gone for ever, while the one that
# was meant comes again. Acknowledge on the channel that the message came over, as `setup` is given it.
# Starts a broker of its own from the RabbitMQ that is installed (RABBITMQ_HOME, or Debian's place). Ends with 0 while that is so.
set -euo pipefail
server=${RABBITMQ_HOME:-/usr/lib/rabbitmq}
for sub in bin sbin .; do [ -x "$server/$sub/rabbitmq-server" ] && server=$server/$sub && break; done
[ -x "$server/rabbitmq-server" ] || { echo "No rabbitmq-server in $server: install RabbitMQ or set RABBITMQ_HOME." >&2; exit 2; }
folder=$(mktemp -d)
finish() {
  [ -z "${broker:-}" ] || kill -- "-$broker" 2>/dev/null || true
  [ -z "${mapper:-}" ] || kill "$mapper" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
free() { node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
port=$(free)
export HOME=$folder ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT RABBITMQ_DIST_PORT
ERL_EPMD_PORT=$(free)
RABBITMQ_DIST_PORT=$(free)
export RABBITMQ_NODENAME=finding@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port
export RABBITMQ_MNESIA_BASE=$folder/mnesia RABBITMQ_LOG_BASE=$folder/log RABBITMQ_PID_FILE=$folder/pid
export RABBITMQ_CONFIG_FILE=$folder/rabbitmq.conf RABBITMQ_CONF_ENV_FILE=$folder/none RABBITMQ_ENABLED_PLUGINS_FILE=$folder/plugins
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
echo 'disk_free_limit.absolute = 1MB' >rabbitmq.conf
echo '[].' >plugins
npm init -y >/dev/null
npm install --silent --no-audit --no-fund amqplib@0.10.9 amqp-connection-manager@5.0.0 >/dev/null
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 >/dev/null 2>&1 &
mapper=$!
set -m # the broker leads its own process group, so that all of it can be ended
"$server/rabbitmq-server" >server.log 2>&1 &
broker=$!
set +m
cat >run.cjs <<'JS'
const { once } = require('node:events');
const amqplib = require('amqplib');
const { connect } = require('amqp-connection-manager');
const url = `amqp://guest:guest@127.0.0.1:${process.env.RABBITMQ_NODE_PORT}`;
const until = async (holds) => {
  for (const deadline = Date.now() + 60_000; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 50)))
    if (Date.now() > deadline) throw new Error('it does not come');
};
(async () => {
  await until(() => amqplib.connect(url).then((found) => found.close().then(() => true), () => false));
  const other = await (await amqplib.connect(url)).createConfirmChannel();
  for (const queue of ['first', 'second']) await other.assertQueue(queue, { durable: true });
  const send = async (queue, text) => {
    other.sendToQueue(queue, Buffer.from(text), { persistent: true });
    await other.waitForConfirms();
  };

  const came = [];
  const manager = connect([url], { reconnectTimeInSeconds: 1 });
  const wrapper = manager.createChannel({});
  wrapper.on('error', () => {});
  const note = (message) => came.push(message);
  await wrapper.consume('first', note);
  await wrapper.consume('second', note);
  await send('second', 'slow');
  await until(() => came.length === 1);
  // "slow" is in hand when the connection is lost. Meanwhile somebody sends "new".
  const again = once(wrapper, 'connect');
  manager.reconnect();
  await send('first', 'new');
  await again;
  await until(() => came.length === 3);
  console.log(came.map(({ content, fields }) => `${content} ${fields.deliveryTag}${fields.redelivered ? ' again' : ''}`).sort().join(', '));
  wrapper.ack(came[0]); // "slow" is done now
  await wrapper.checkQueue('first'); // answered behind it
  await manager.close(); // the process ends; it has handled neither of the other two deliveries
  const left = [];
  for (const queue of ['first', 'second']) {
    await until(async () => (await other.checkQueue(queue)).consumerCount === 0);
    left.push(`${queue} ${(await other.checkQueue(queue)).messageCount}`);
  }
  console.log(`left: ${left.join(', ')}`);
  process.exit(0);
})();
JS
seen=$(node run.cjs)
echo "$seen"
[ "$seen" = "$(printf 'new 1, slow 1, slow 2 again\nleft: first 0, second 1')" ]
