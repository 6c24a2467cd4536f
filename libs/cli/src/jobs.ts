import type { BulkJob } from '@tallystick/outbox';
import type { Command } from 'commander';
import { actorOf } from './actor';
import { columns } from './columns';
import { type CommonFlags, DONE, positive, type Shell } from './shell';
import { report } from './steer';

interface Flags extends CommonFlags {
  readonly limit?: number;
}

export function addJobs(program: Command, shell: Shell): void {
  const { terminal, within } = shell;
  const { out, say, stop } = terminal;
  const jobs = program.command('jobs').description('what is done to many deliveries at once, and how far it is');
  jobs
    .command('list', { isDefault: true })
    .description('the latest first')
    .option('--limit <n>', 'at most so many', positive, 50)
    .action(
      within<Flags>(async ({ operations }, { json, limit }) => {
        const found = await operations.jobs({ limit: limit! });
        if (json) out(JSON.stringify(found));
        else for (const line of listed(found)) out(line);
        return DONE;
      }),
    );
  jobs
    .command('stop')
    .argument('<id>', 'of a job that runs, wherever')
    .description('stop a job before its next delivery')
    .action(
      within<Flags>(async ({ operations }, { json }, [id]) => {
        const job = await operations.stopJob(id!, { by: actorOf(terminal, undefined) });
        out(json ? JSON.stringify(job) : `Stopped after ${job.changed} changed and ${job.refused} refused.`);
        return DONE;
      }),
    );
  jobs
    .command('resume')
    .argument('<id>', 'of a job that was stopped, or whose process died (abandoned)')
    .description('go on with a job where it ended')
    .action(
      within<Flags>(async ({ operations }, flags, [id]) => {
        const onProgress = (done: number): void => {
          if (done % 1_000 === 0) say(`${done} more`);
        };
        const by = actorOf(terminal, undefined);
        return report(shell, await operations.resumeJob(id!, { by, stop, onProgress }), flags);
      }),
    );
}

function listed(jobs: readonly BulkJob[]): string[] {
  const rows = jobs.map(({ id, state, verb, filter, by, changed, refused, matching }) => [
    id,
    state,
    verb,
    `${changed + refused} of ${matching}`,
    String(refused),
    by,
    filter,
  ]);
  return columns(['job', 'state', 'what', 'done', 'refused', 'who', 'filter'], rows, 160);
}
