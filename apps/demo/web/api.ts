import { useEffect, useState } from 'preact/hooks';
import type { ButtonName, More, Picture, Setting } from '../src/page/page';

export interface Live extends Partial<More> {
  readonly picture?: Picture;
  /** Nobody answers. */
  readonly away: boolean;
}

export function useSetting(): Setting | undefined {
  const [setting, setSetting] = useState<Setting>();
  useEffect(() => {
    void fetch('api/setting')
      .then((response) => response.json() as Promise<Setting>)
      .then(setSetting, () => undefined); // the stream says that nobody answers
  }, []);
  return setting;
}

/** The stream, only while somebody sees the page. */
export function useLive(): Live {
  const [live, setLive] = useState<Live>({ away: false });
  useEffect(() => {
    let source: EventSource | undefined;
    const follow = (): void => {
      source?.close();
      source = undefined;
      if (document.hidden) return;
      source = new EventSource('api/stream');
      source.onmessage = ({ data }) => {
        const { sample, story, presses } = JSON.parse(data as string) as { sample?: Picture } & More;
        setLive((last) => ({ picture: sample ?? last.picture, story, presses, away: sample === undefined }));
      };
      source.onerror = () => setLive((last) => ({ ...last, away: true }));
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      source?.close();
    };
  }, []);
  return live;
}

/** @throws with what the demo says */
export async function press(button: ButtonName): Promise<void> {
  const response = await fetch('api/press', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ button }),
  });
  if (response.ok) return;
  const { problem } = (await response.json().catch(() => ({}))) as { problem?: string };
  throw new Error(problem ?? String(response.status));
}
