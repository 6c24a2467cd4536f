import type { IncomingMessage } from 'node:http';
import type { Exchange } from './http';
import { send, sendJson } from './http';

/** What whoever mounted it needs to add. A test mounts exactly this. */
export const LINES_TO_ADD = `OutboxDashboardModule.forRoot({
  path: '/outbox',
  // false · 'read' · 'operate' · { may: 'operate', name: 'for the audit' }
  authorize: (request) => (request.headers['x-ops-token'] === process.env.OPS_TOKEN ? 'operate' : false),
})`;

/** To somebody who may not come in. Says nothing about the service, but how whoever owns it can open the door. */
export function refuse({ request, response, path }: Exchange, hasAuthorize: boolean): void {
  const told = hasAuthorize
    ? 'You may not see this page: authorize() said no.'
    : 'This page answers on this machine only, until it knows who may see it. Add authorize.';
  if (!wantsPage(request, path)) return sendJson(response, 403, { problem: told });
  const lines = hasAuthorize ? '' : `<p>In the module that mounts it:</p><pre>${escaped(LINES_TO_ADD)}</pre>`;
  send(
    response,
    403,
    'text/html; charset=utf-8',
    `<!doctype html><html lang="en"><title>Refused</title><main><h1>403</h1><p>${escaped(told)}</p>${lines}</main></html>`,
  );
}

function wantsPage({ headers }: IncomingMessage, path: string): boolean {
  return !path.startsWith('/api/') && (headers.accept ?? '').includes('html');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
