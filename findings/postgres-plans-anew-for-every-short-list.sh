#!/usr/bin/env bash
# After five uses PostgreSQL may keep one plan of a prepared statement for any values, if that looks no dearer than a plan for each. A
# list in a parameter it takes to have ten elements then, but counts them when it plans for the values at hand. So a statement that is
# asked with one key in `unnest($1)` looks dearer for any values, is planned anew for every call, and that can take longer than running
# it. `unnest((select $1))` hides how many there are: both plans look alike, and one is kept.
# Prints how often a statement that is run twenty times, with a list of one, was planned for its values and how often the kept plan was
# used. Ends with 0 while the first is always planned anew, and the second is not. (@electric-sql/pglite is PostgreSQL, compiled to
# WebAssembly.)
# Seen: PostgreSQL 18.7: unnest($1): planned anew 20 times, kept plan used 0 times
#       PostgreSQL 18.7: unnest((select $1)): planned anew 5 times, kept plan used 15 times
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
  create table delivery (id int primary key, state text not null);
  insert into delivery select number, 'sent' from generate_series(1, 20000) number;
  analyze delivery;
  prepare bare(int[]) as select d.id from unnest($1) k (id) join delivery d using (id) join delivery e using (id);
  prepare hidden(int[]) as select d.id from unnest((select $1)) k (id) join delivery d using (id) join delivery e using (id);`);
const version = (await database.query('show server_version')).rows[0].server_version;
const plans = {};
for (const name of ['bare', 'hidden']) {
  for (let id = 1; id <= 20; id++) await database.exec(`execute ${name}('{${id}}')`);
  const { rows } = await database.query(
    `select custom_plans::int as anew, generic_plans::int as kept from pg_prepared_statements where name = '${name}'`,
  );
  plans[name] = rows[0];
  const text = name === 'bare' ? 'unnest($1)' : 'unnest((select $1))';
  console.log(`PostgreSQL ${version}: ${text}: planned anew ${rows[0].anew} times, kept plan used ${rows[0].kept} times`);
}
process.exitCode = plans.bare.kept === 0 && plans.hidden.anew === 5 ? 0 : 1;
JS
node run.mjs
