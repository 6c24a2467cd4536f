import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Servers of named versions, unpacked but not installed. In the user's cache, because `npm ci` empties node_modules. */
export function serverCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tallystick', 'servers');
}

/**
 * A folder of the cache, made by the first who asks for it. It appears whole or not at all, also when the maker is killed.
 * @param make fills the folder it is given
 */
export async function cached(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const cache = serverCache();
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(`${folder}.`);
  try {
    await make(unfinished);
    await rename(unfinished, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error; // else another process was faster: its copy is as good
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** Removes all that was brought, and what killed makers left. */
export async function clearServerCache(): Promise<void> {
  await rm(serverCache(), { recursive: true, force: true });
}
