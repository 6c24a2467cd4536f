import { tallystick } from '@tallystick/cli';
import type { DatabaseUrls } from '../rig/rig';

/**
 * Both halves of the tally, compared by the command that people have for it. It knows nothing of the soak, and the soak's own
 * oracles nothing of it.
 * @returns its differences in its own words; none when everything has come to its end
 */
export async function differences({ producer, consumer }: DatabaseUrls): Promise<string[]> {
  const lines: string[] = [];
  const keep = (text: string): void => void lines.push(text);
  const code = await tallystick(['reconcile', '--producer', producer, '--consumer', consumer, '--grace', '1s'], {
    env: {},
    out: keep,
    say: keep,
    confirm: () => Promise.resolve(false),
    stop: new AbortController().signal,
  });
  return code === 0 ? [] : ['tallystick reconcile:', ...lines];
}
