#!/usr/bin/env node
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const main = join(__dirname, '..', 'dist', 'main.js');
if (existsSync(main)) require(main);
else {
  process.stderr.write('The command line is not compiled yet. Run once: npx tsc -b libs/cli\n');
  process.exitCode = 1;
}
