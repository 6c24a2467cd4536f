import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { execFile } from './processes';

/** Root on Debian or one of its children. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/** Installs a Debian package without letting it start its service. */
export async function installPackage(name: string): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (): Promise<unknown> =>
    execFile('apt-get', ['install', '-y', '--no-install-recommends', name], { env, maxBuffer: 2 ** 26 });
  await withoutServices(async () => {
    try {
      await install();
    } catch {
      await execFile('apt-get', ['update'], { env, maxBuffer: 2 ** 26 }); // fresh images know no package at all
      await install();
    }
  });
}

/** Debian asks this program before a package starts a service; 101 means no. */
const POLICY = '/usr/sbin/policy-rc.d';

async function withoutServices(work: () => Promise<void>): Promise<void> {
  const saved = `${POLICY}.tallystick`;
  const hadOne = existsSync(POLICY);
  if (hadOne) renameSync(POLICY, saved);
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    if (hadOne) renameSync(saved, POLICY);
    else rmSync(POLICY);
  }
}
