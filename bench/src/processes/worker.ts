import 'reflect-metadata';
import type { Call, Reply } from './remote';
import { createRole, type RoleName } from './roles';

/** The program of the processes that {@link Remote} starts: one role, its methods called by messages. */
const [roleName, optionsText] = process.argv.slice(2);
const role = createRole(roleName as RoleName, JSON.parse(optionsText!) as never) as unknown as Record<
  string,
  (...args: unknown[]) => Promise<unknown>
>;

async function answer({ call, method, args }: Call): Promise<void> {
  let reply: Reply;
  try {
    reply = { call, value: await role[method]!(...args) };
  } catch (error) {
    reply = { call, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send!(reply);
}

process.on('message', (message) => void answer(message as Call));
// The run is over, or was killed: nobody wants results any more.
process.once('disconnect', () => process.exit(0));
