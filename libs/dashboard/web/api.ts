import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ActionRequest, ActionResult, BulkJob, BulkRequest, Pause, PauseTarget, Told } from '../src/page';

/** Relative to the page, wherever a proxy has put it. */
async function answered<T>(asking: Promise<Response>): Promise<T> {
  const response = await asking;
  const body = (await response.json().catch(() => ({}))) as { problem?: string };
  if (!response.ok) throw new Error(body.problem ?? `${response.status}`);
  return body as T;
}

function get<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined) as [string, string][];
  return answered<T>(fetch(`api/${path}?${new URLSearchParams(given)}`));
}

function post<T>(path: string, request: object): Promise<T> {
  const body = JSON.stringify(request);
  return answered(fetch(`api/${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }));
}

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
        const told = JSON.parse(data as string) as Told;
        setLive(({ sample }) => ({ sample, ...told, away: told.sample === undefined }));
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
