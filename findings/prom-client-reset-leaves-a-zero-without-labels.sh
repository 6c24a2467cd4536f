#!/usr/bin/env bash
# prom-client 15.1.3: `gauge.reset()` forgets every line of a gauge with labels, and leaves a line with 0 of one without. A gauge that is
# collected from something that may have no reading then reports a measured zero that nobody measured, and an alert on "nothing is
# due" is content. `remove()` without arguments takes that line away; the same call of a gauge *with* labels throws, and with it the
# whole answer of the registry. So a collector has to ask which of both it has.
# Ends with 0 while that is so.
# Seen: without labels: after reset "age 0", after remove nothing
#       with labels: after reset nothing, remove says "Invalid number of arguments (0)"
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund prom-client@15.1.3 >/dev/null
cat >run.cjs <<'JS'
const { Gauge, Registry } = require('prom-client');
const lines = async (registry) => (await registry.metrics()).split('\n').filter((line) => line && !line.startsWith('#')).join(', ');
const told = (text) => (text === '' ? 'nothing' : JSON.stringify(text));
(async () => {
  const bare = new Registry();
  const age = new Gauge({ name: 'age', help: 'x', registers: [bare] });
  age.set(5);
  age.reset();
  const left = await lines(bare);
  age.remove();
  console.log(`without labels: after reset ${told(left)}, after remove ${told(await lines(bare))}`);

  const labelled = new Registry();
  const open = new Gauge({ name: 'open', help: 'x', labelNames: ['state'], registers: [labelled] });
  open.set({ state: 'sent' }, 5);
  open.reset();
  const kept = await lines(labelled);
  let said = 'nothing';
  try {
    open.remove();
  } catch (error) {
    said = JSON.stringify(error.message.split(':')[0]);
  }
  console.log(`with labels: after reset ${told(kept)}, remove says ${said}`);
})();
JS
seen=$(node run.cjs)
echo "$seen"
[ "$seen" = "$(printf 'without labels: after reset "age 0", after remove nothing\nwith labels: after reset nothing, remove says "Invalid number of arguments (0)"')" ]
