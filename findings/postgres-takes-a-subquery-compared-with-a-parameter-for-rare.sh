#!/usr/bin/env bash
# PostgreSQL's planner cannot look into a subquery in `(select …) = $1` and takes it to hold for one row in two hundred, whatever it
# does hold for. With a limit that is dear where statistics are old or missing: it expects fewer rows than the limit asks for, so it
# reads and sorts everything that matches the rest, instead of following the index and stopping. `coalesce((select …) = $1, false)`
# says the same, is taken to hold for every second row, and the plan stops at its limit.
# Prints what the planner chooses for a queue of 50,000 due rows, all of the asker, never analysed. Ends with 0 while only the first
# plan sorts. (@electric-sql/pglite is PostgreSQL, compiled to WebAssembly.)
# Seen: PostgreSQL 18.7: (select …) = $1: reads and sorts all that are due
#       PostgreSQL 18.7: coalesce((select …) = $1, false): follows the index and stops at the limit
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.17 >/dev/null
cat >run.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
const database = await PGlite.create();
await database.exec(`
  create table message (id uuid primary key, owner varchar(255) not null, payload json);
  create table delivery (message_id uuid, consumer varchar(255) collate "C", due timestamptz, primary key (message_id, consumer));
  create index delivery_due on delivery (due) where due is not null;
  insert into message select gen_random_uuid(), 'me', '{}' from generate_series(1, 50000);
  insert into delivery select id, 'x', now() - interval '1 hour' from message;`);
const version = (await database.query('show server_version')).rows[0].server_version;
const owner = '(select owner from message where id = message_id)';
async function sorts(condition) {
  const { rows } = await database.query(
    `explain select message_id from delivery where due <= (select clock_timestamp()) and ${condition} order by due limit 500 for no key update skip locked`,
    ['me'],
  );
  return rows.some((row) => row['QUERY PLAN'].includes('Sort'));
}
const bare = await sorts(`${owner} = $1`);
const hidden = await sorts(`coalesce(${owner} = $1, false)`);
const told = (all) => (all ? 'reads and sorts all that are due' : 'follows the index and stops at the limit');
console.log(`PostgreSQL ${version}: (select …) = $1: ${told(bare)}`);
console.log(`PostgreSQL ${version}: coalesce((select …) = $1, false): ${told(hidden)}`);
process.exitCode = bare && !hidden ? 0 : 1;
JS
node run.mjs
