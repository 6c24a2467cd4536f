#!/usr/bin/env bash
# npm 10.8.2: `npm remove` and `npm install` write `package.json` and `package-lock.json` in place. In a copy of a project that was made of hard
# links (`cp -al`, as is done to save the time and space of `node_modules`), they change the original's as well: there the package is still
# installed, and the next `npm install` of anything removes it. Files in `node_modules` are unlinked, so those of the original stay.
# Copy both files anew, or all of it. Ends with 0 while that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false npm_config_cache=$folder/cache
mkdir original
cd original
npm init -y >/dev/null
npm install --silent --save-exact npm@10.8.2 bytes@3.1.2 inherits@2.0.4 >/dev/null
npm=$PWD/node_modules/npm/bin/npm-cli.js
cd ..
cp -al original copy
wanted() { node -p "Object.keys(require('$folder/original/package.json').dependencies).filter((name) => name !== 'npm').join(' ')"; }
has() { if [ -e "$folder/original/node_modules/$1" ]; then echo there; else echo gone; fi; }
before="wants $(wanted), bytes $(has bytes)"
(cd copy && node "$npm" remove --silent bytes >/dev/null)
after="wants $(wanted), bytes $(has bytes)"
(cd original && node "$npm" install --silent --save-exact ee-first@1.1.1 >/dev/null)
later="wants $(wanted), bytes $(has bytes)"
seen=$(printf '%s\n' "$before" "$after" "$later")
echo "$seen"
[ "$seen" = "$(printf '%s\n' 'wants bytes inherits, bytes there' 'wants inherits, bytes there' 'wants ee-first inherits, bytes gone')" ]
