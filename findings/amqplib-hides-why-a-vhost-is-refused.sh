#!/usr/bin/env bash
# amqplib 0.10.9: when the broker refuses the virtual host of a connection it says why (530 NOT_ALLOWED, "vhost x not found"), and
# amqplib does not pass it on: the error names the frame it would rather have had, has no code, and no connection to ask. Who
# wants to tell a wrong name from a broker that is down must know that sentence.
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
npm install --silent --no-audit --no-fund amqplib@0.10.9 >/dev/null
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 >/dev/null 2>&1 &
mapper=$!
set -m # the broker leads its own process group, so that all of it can be ended
"$server/rabbitmq-server" >server.log 2>&1 &
broker=$!
set +m
cat >run.cjs <<'JS'
const { connect } = require('amqplib');
const url = (vhost) => `amqp://guest:guest@127.0.0.1:${process.env.RABBITMQ_NODE_PORT}/${vhost}`;
(async () => {
  const deadline = Date.now() + 60_000;
  const up = () => connect(url('')).then((connection) => connection.close().then(() => true), () => false);
  while (!(await up())) {
    if (Date.now() > deadline) throw new Error('the broker does not answer');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const error = await connect(url('nowhere')).catch((reason) => reason);
  console.log(JSON.stringify({ message: error.message, code: error.code ?? null }));
})();
JS
seen=$(node run.cjs)
echo "amqplib: $seen"
said=$(grep -rho "vhost 'nowhere' not found\|vhost nowhere not found" "$folder/log" | sort -u | head -1)
echo "broker:  $said"
[ "$seen" = '{"message":"Expected ConnectionOpenOk; got <ConnectionClose channel:0>","code":null}' ] && [ -n "$said" ]
