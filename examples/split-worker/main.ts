// The web process records and ends; the worker, started later, relays what it recorded, and refunds.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DataSource } from 'typeorm';

async function ends(file: string): Promise<void> {
  const child = spawn(process.execPath, [join(__dirname, file)], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, `${file} ended with ${code}`);
}

async function main(): Promise<void> {
  await ends('web.js');
  await ends('worker.js');
  const database = await new DataSource({ type: 'postgres', url: process.env.DATABASE_URL }).initialize();
  const rows = await database.query('select sku, reason from refund');
  await database.destroy();
  assert.deepEqual(rows, [{ sku: 'moonstone', reason: 'UNKNOWN_SKU' }]);
}

void main();
