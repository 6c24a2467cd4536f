import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';

/** A request and its response, the same in Express and Fastify. */
export interface Exchange {
  /** As the framework's own handlers get it, for `authorize`. */
  readonly given: unknown;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Below where the dashboard is mounted: '' is the path itself, '/' its page. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What Express hands over is Node's; Fastify has Node's inside. */
interface Framed {
  readonly raw?: IncomingMessage;
  readonly originalUrl?: string;
  readonly url?: string;
}
interface FastifyReply {
  readonly raw: ServerResponse;
  hijack(): void;
}

/**
 * Routes of their own, beside those of controllers: no global prefix, guard, interceptor or pipe touches them, in either
 * framework. So everything that they would have done is done here, for each of them.
 */
export function mount(
  adapter: AbstractHttpAdapter,
  at: string,
  paths: { readonly get: readonly string[]; readonly post: readonly string[] },
  serve: (exchange: Exchange) => Promise<void>,
): void {
  const handler = (given: Framed, reply: ServerResponse | FastifyReply): void => {
    if ('hijack' in reply) reply.hijack(); // we answer
    const url = new URL(given.originalUrl ?? given.url ?? '/', 'http://here');
    void serve({
      given,
      request: given.raw ?? (given as unknown as IncomingMessage),
      response: 'raw' in reply ? reply.raw : reply,
      path: url.pathname.slice(at.length),
      query: url.searchParams,
    });
  };
  for (const path of paths.get) adapter.get(at + path, handler);
  for (const path of paths.post) adapter.post(at + path, handler);
}

/** Small for any request of ours: 50 targets and a reason. */
const MAX_BODY_BYTES = 64 * 1024;

/** The JSON in the body, whether or not somebody before us has read it. @throws SyntaxError */
export async function bodyOf({ given, request }: Pick<Exchange, 'given' | 'request'>): Promise<unknown> {
  const { body } = given as { body?: unknown };
  if (request.readableEnded || body !== undefined) return typeof body === 'string' ? JSON.parse(body) : body;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new SyntaxError('the body is too long');
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

/** Nothing of another origin, and nobody else's frame. */
const POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

export function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  more: Readonly<Record<string, string>> = {},
): void {
  if (response.writableEnded || response.destroyed) return;
  response.writeHead(status, { ...PROTECTED, 'Cache-Control': 'no-store', 'Content-Type': type, ...more });
  response.end(body);
}

export const PROTECTED = {
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json; charset=utf-8', JSON.stringify(body));
}
