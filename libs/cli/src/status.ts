import { type Command } from 'commander';
import { columns } from './columns';
import { pauseLine } from './pause';
import { DONE, type Shell } from './shell';

export function addStatus(program: Command, { terminal: { out }, within }: Shell): void {
  program
    .command('status')
    .description('how much is open, in which state, for how long the oldest has been due, and what is paused')
    .action(
      within(async ({ operations, service }, { json }) => {
        const { open, oldestDueMs, paused } = await operations.stats();
        if (json) {
          out(JSON.stringify({ service, open, oldestDueMs: Math.round(oldestDueMs), paused }));
          return DONE;
        }
        const rows = Object.entries(open).map(([state, count]) => [state, String(count)]);
        for (const line of columns([service, 'deliveries'], rows)) out(line);
        out(`The oldest has been due for ${(oldestDueMs / 1_000).toFixed(1)} s.`);
        for (const pause of paused) out(`Paused: ${pauseLine(pause)}`);
        return DONE;
      }),
    );
}
