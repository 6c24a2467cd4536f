import { useEffect } from 'preact/hooks';

/** How a page speaks with its server: relative to the page, wherever a proxy has put it. */

export function get<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined) as [string, string][];
  return answered<T>(fetch(`api/${path}?${new URLSearchParams(given)}`));
}

export function post<T>(path: string, request: object): Promise<T> {
  const body = JSON.stringify(request);
  return answered(fetch(`api/${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }));
}

/** @throws Error with what the server says of it */
async function answered<T>(asking: Promise<Response>): Promise<T> {
  const response = await asking;
  const body = (await response.json().catch(() => ({}))) as { problem?: string };
  if (!response.ok) throw new Error(body.problem ?? `${response.status}`);
  return body as T;
}

/**
 * What the server tells, only while somebody sees the page. Both functions are those of the first rendering.
 * @param away called when nobody answers
 */
export function useStream<T>(told: (what: T) => void, away: () => void): void {
  useEffect(() => {
    let source: EventSource | undefined;
    const follow = (): void => {
      source?.close();
      source = undefined;
      if (document.hidden) return;
      source = new EventSource('api/stream');
      source.onmessage = ({ data }) => told(JSON.parse(data as string) as T);
      source.onerror = away;
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      source?.close();
    };
  }, []);
}
