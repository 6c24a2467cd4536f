import { CLEANUP, type RunGlobals } from './servers';

export default async function stopServers(): Promise<void> {
  await (globalThis as RunGlobals)[CLEANUP]?.run();
}
