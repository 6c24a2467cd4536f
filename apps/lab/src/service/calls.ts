import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Rejected } from '../business/purchase';
import type { Stoppable } from './context';
import { tellPassed } from './passed';

/** How one service calls the other: JSON over HTTP. */
export type Routes = Readonly<Record<string, (body: never) => Promise<unknown>>>;

/** No answer within so long means: it is not known whether it was done. */
const TIME_LIMIT_MS = 1_000;

let made = 0;

/** How many calls this process made. */
export function callsMade(): number {
  return made;
}

/**
 * @throws Rejected if the other one said no for good
 * @throws Error if it could not, or did not answer in time: then nobody knows
 */
export async function call<T = void>(base: string, path: string, body: object): Promise<T> {
  made += 1;
  tellPassed({ kind: 'called', path });
  const { response, answer } = await exchange<T>(`${base}/${path}`, body).catch((error: Error) => {
    tellPassed({ kind: 'answered', path, answer: 'nothing' });
    throw error;
  });
  tellPassed({ kind: 'answered', path, answer: response.ok ? 'ok' : 'no' });
  if (response.status === 409) throw new Rejected(answer.problem);
  if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${answer.problem}`);
  return answer.result as T;
}

interface Exchanged<T> {
  readonly response: Response;
  readonly answer: { readonly result?: T; readonly problem?: string };
}

async function exchange<T>(url: string, body: object): Promise<Exchanged<T>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  });
  return { response, answer: (await response.json()) as Exchanged<T>['answer'] };
}

export async function serve(port: number, routes: Routes): Promise<Stoppable> {
  const server = createServer((request, response) => void answer(routes, request, response));
  server.keepAliveTimeout = 60_000;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (status: number, content: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
  };
  try {
    const route = routes[request.url!.slice(1)];
    if (!route) return reply(404, { problem: `no ${request.url}` });
    let text = '';
    for await (const chunk of request) text += String(chunk);
    reply(200, { result: await route(JSON.parse(text) as never) });
  } catch (error) {
    reply(error instanceof Rejected ? 409 : 500, { problem: (error as Error).message });
  }
}
