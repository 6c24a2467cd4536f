import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ActionRequest, ActionResult, BulkJob, BulkRequest, Pause, PauseTarget, Told } from '../src/page';
import { get, post, useStream } from './server';

export const act = (request: ActionRequest): Promise<ActionResult> => post('actions', request);
/** Answered when it has begun. */
export const begin = (request: BulkRequest): Promise<BulkJob> => post('bulk', request);
export const stopJob = (id: string): Promise<BulkJob> => post('jobs/stop', { id });
export const resumeJob = (id: string): Promise<BulkJob> => post('jobs/resume', { id });
export const pause = (asked: PauseTarget & { reason: string }): Promise<Pause> => post('pause', asked);
export const resume = (asked: PauseTarget & { reason: string }): Promise<{ released: number }> => post('resume', asked);

export interface Asked<T> {
  readonly value?: T;
  readonly problem?: string;
  again(): void;
}

/** What a page is about. An answer that was overtaken by another question is dropped. */
export function useAnswer<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}): Asked<T> {
  const [state, setState] = useState<{ value?: T; problem?: string }>({});
  const turn = useRef(0);
  const key = path + JSON.stringify(query);
  const again = useCallback(() => {
    const mine = ++turn.current;
    const tell = (next: { value?: T; problem?: string }): void => {
      if (mine === turn.current) setState(next);
    };
    get<T>(path, query).then(
      (value) => tell({ value }),
      (error: Error) => tell({ problem: error.message }),
    );
  }, [key]);
  useEffect(again, [again]);
  return { ...state, again };
}

export interface Live extends Partial<Told> {
  readonly away: boolean;
}

export function useLive(): Live {
  const [live, setLive] = useState<Live>({ away: false });
  useStream<Told>(
    (told) => setLive(({ sample }) => ({ sample, ...told, away: told.sample === undefined })),
    () => setLive((last) => ({ ...last, away: true })),
  );
  return live;
}
