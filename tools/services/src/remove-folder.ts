import { rm } from 'node:fs/promises';

/**
 * Removes a server's folder with all that is in it. What was killed may still write there for a moment (its dump, the
 * log of a child that was handed to init), and a folder that gets a new file while it is emptied cannot be removed: then
 * it is tried again, for up to ten seconds. No folder, no error.
 */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 14, retryDelay: 100 }); // 100 ms + 200 ms + …
}
