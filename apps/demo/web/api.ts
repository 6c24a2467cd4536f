import { get, post, useStream } from '@tallystick/dashboard/web/server';
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
    void get<Setting>('setting').then(setSetting, () => undefined); // the stream says that nobody answers
  }, []);
  return setting;
}

export function useLive(): Live {
  const [live, setLive] = useState<Live>({ away: false });
  useStream<{ sample?: Picture } & More>(
    ({ sample, story, presses }) =>
      setLive((last) => ({ picture: sample ?? last.picture, story, presses, away: sample === undefined })),
    () => setLive((last) => ({ ...last, away: true })),
  );
  return live;
}

/** @throws Error with what the demo says */
export const press = (button: ButtonName): Promise<unknown> => post('press', { button });
