#!/usr/bin/env bash
# NestJS (@nestjs/core 11.2.10): close() of an application whose init() failed does not clean up. It rejects with the error of
# init(), and calls no shutdown hook: it waits for the same promise first. Whoever opened connections in a hook that later
# fails must close them in that hook, before the error leaves it.
# Ends with 0 while that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @nestjs/common@11.2.10 @nestjs/core@11.2.10 @nestjs/testing@11.2.6 \
  @nestjs/platform-express@11.2.6 reflect-metadata@0.2.2 rxjs@7.8.2 >/dev/null
cat >run.cjs <<'JS'
require('reflect-metadata');
const { Injectable, Module } = require('@nestjs/common');
const { Test } = require('@nestjs/testing');
const called = [];
class Failing {
  async onApplicationBootstrap() { throw new Error('the database is away'); }
  onModuleDestroy() { called.push('onModuleDestroy'); }
  onApplicationShutdown() { called.push('onApplicationShutdown'); }
}
Injectable()(Failing);
class App {}
Module({ providers: [Failing] })(App);
(async () => {
  const app = await Test.createTestingModule({ imports: [App] }).compile();
  app.useLogger(false);
  const init = await app.init().then(() => 'ok', (error) => error.message);
  const close = await app.close().then(() => 'ok', (error) => error.message);
  console.log(JSON.stringify({ init, close, called }));
})();
JS
seen=$(node run.cjs)
echo "$seen"
[ "$seen" = '{"init":"the database is away","close":"the database is away","called":[]}' ]
