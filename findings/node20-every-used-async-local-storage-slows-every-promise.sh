#!/usr/bin/env bash
# Node 20 and 22: an AsyncLocalStorage that was used once is asked at every promise of the process from then on, also when nothing
# refers to it any more and nothing runs inside it; only `disable()` ends that. Node 24 (another implementation) pays nothing.
# A Jest worker that runs a hundred files, each with storages of its own, gets slower with every file: one that takes 8 s alone
# took 294 s in the middle of a run. Prints how many times longer 100,000 awaits take after 200 storages were used, and after
# they were disabled. Ends with 0 while that is more than ten times, and a fifth of it at most, before Node 24; and less than three times in it.
# Seen: Node 20.20.2: × 221.9 with 200 used, × 1.1 when they are disabled
#       Node 22.23.3: × 111.3 with 200 used, × 0.7 when they are disabled
#       Node 24.21.0: × 0.7 with 200 used, × 1.1 when they are disabled
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >run.cjs <<'JS'
const { AsyncLocalStorage } = require('node:async_hooks');
async function awaits() {
  const began = performance.now();
  for (let index = 0; index < 100_000; index++) await null;
  return performance.now() - began;
}
async function fastest() {
  const times = [];
  for (let round = 0; round < 3; round++) times.push(await awaits());
  return Math.min(...times);
}
(async () => {
  const first = new AsyncLocalStorage();
  first.run(1, () => {});
  await awaits();
  const one = await fastest();
  const used = Array.from({ length: 200 }, () => new AsyncLocalStorage());
  for (const storage of used) storage.run(1, () => {});
  const many = await fastest();
  for (const storage of used) storage.disable();
  const disabled = await fastest();
  const times = (ms) => Number((ms / one).toFixed(1));
  const old = Number(process.versions.node.split('.')[0]) < 24;
  console.log(`Node ${process.versions.node}: × ${times(many)} with 200 used, × ${times(disabled)} when they are disabled`);
  process.exitCode = (old ? times(many) > 10 && disabled < many / 5 : times(many) < 3) ? 0 : 1;
})();
JS
for version in 20.20.2 22.23.3 24.21.0; do
  mkdir "$version"
  (cd "$version" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund "node@$version" >/dev/null)
  "$version/node_modules/node/bin/node" run.cjs
done
