import type { RigProcess } from '../../rig';

/** What the library says of one event in a minute, and how often a minute may begin. */
const LINES_PER_MINUTE = 20;

/** Strangers can cause them by the thousand: a person must not drown in them. */
export function floodProblems(after: readonly { readonly process: RigProcess; readonly output: string }[]): string[] {
  return after.flatMap(({ process, output }) => {
    const counts = new Map<string, number>();
    const minutes = new Set<string>();
    for (const line of output.split('\n')) {
      const [, minute, event] = /(\d+:\d\d):\d\d.* WARN \[Outbox\] ([a-z]+[.][a-z-]+)(?: |$)/.exec(line) ?? [];
      if (minute === undefined || event === undefined) continue;
      minutes.add(minute);
      counts.set(event, (counts.get(event) ?? 0) + 1);
    }
    // A minute of the log may hold parts of two of the library's.
    const most = (minutes.size + 1) * LINES_PER_MINUTE;
    return [...counts]
      .filter(([, count]) => count > most)
      .map(([event, count]) => `rig-${process.side} wrote ${count} lines of ${event}`);
  });
}
