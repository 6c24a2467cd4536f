import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mariaDbInstalled } from './mariadb-programs';
import { rabbitInstalled } from './rabbit-installation';
import { cached, clearServerCache, serverCache } from './server-cache';
import { bringServer, VersionUnavailableError } from './versions';

const variables = ['XDG_CACHE_HOME', 'RABBITMQ_HOME', 'MARIADB_HOME'] as const;
const before = variables.map((name) => process.env[name]);
afterEach(() => {
  for (const [index, name] of variables.entries()) {
    if (before[index] === undefined) delete process.env[name];
    else process.env[name] = before[index];
  }
});

describe('A version that cannot be had', () => {
  it.each(['rabbitmq@1.0', 'rabbitmq', 'oracle@23', ''])('is named, with all that can be had: %j', async (wanted) => {
    const bringing = bringServer(wanted);
    await expect(bringing).rejects.toThrow(VersionUnavailableError);
    await expect(bringing).rejects.toThrow(/rabbitmq@4\.0.*postgresql@15/);
  });

  it('is not replaced by the installed one', () => {
    process.env.RABBITMQ_HOME = '/no/such/folder';
    expect(() => rabbitInstalled()).toThrow('/no/such/folder');
    process.env.MARIADB_HOME = '/no/such/folder';
    expect(() => mariaDbInstalled()).toThrow('/no/such/folder');
  });
});

describe('The cache', () => {
  let folder: string;
  /** The user's own is left alone. */
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tallystick-cache-'));
    process.env.XDG_CACHE_HOME = folder;
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('makes a thing once', async () => {
    const make = jest.fn(async () => {});
    expect(await cached('thing', make)).toBe(await cached('thing', make));
    expect(make).toHaveBeenCalledTimes(1);
  });

  it('keeps nothing of what could not be made', async () => {
    const fails = (): Promise<void> => Promise.reject(new Error('no network'));
    await expect(cached('thing', fails)).rejects.toThrow('no network');
    expect(readdirSync(serverCache())).toEqual([]);
  });

  it('takes the copy of whoever was faster', async () => {
    const slower = async (unfinished: string): Promise<void> => {
      writeFileSync(join(unfinished, 'slower'), '');
      await cached('thing', async (other) => writeFileSync(join(other, 'faster'), ''));
    };
    const thing = await cached('thing', slower);
    expect(readdirSync(thing)).toEqual(['faster']);
    expect(readdirSync(serverCache())).toEqual(['thing']);
  });

  it('is emptied by one call', async () => {
    await cached('thing', async () => {});
    await clearServerCache();
    expect(readdirSync(join(folder, 'tallystick'))).toEqual([]);
  });
});
