import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import {
  ASSETS,
  Assets,
  bodyOf,
  foreignWrite,
  isLocal,
  type Sampler,
  send,
  sendJson,
  Streams,
} from '@tallystick/dashboard/kit';
import type { Picture, Setting } from './page';
import { isButton, type Theatre } from './theatre';

const HOST = '127.0.0.1';
/** Easy to remember. Taken? Then any other. */
const WANTED_PORT = 3000;

/** Serves the page of the demo to whoever sits at this machine, by the rules of the dashboards. */
export class PageServer {
  private readonly assets = new Assets(join(__dirname, '../../dist/web'));
  private readonly streams: Streams<Picture>;
  private readonly server: Server;

  constructor(
    private readonly setting: Setting,
    sampler: Sampler<Picture>,
    private readonly theatre: Pick<Theatre, 'more' | 'press'>,
  ) {
    this.streams = new Streams(sampler, () => theatre.more);
    this.server = createServer((request, response) => this.serve(request, response));
  }

  /** @returns its address */
  async listen(): Promise<string> {
    this.server.listen(WANTED_PORT, HOST);
    await once(this.server, 'listening').catch(async () => {
      this.server.listen(0, HOST);
      await once(this.server, 'listening');
    });
    return `http://${HOST}:${(this.server.address() as { port: number }).port}/`;
  }

  async close(): Promise<void> {
    this.streams.close();
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://here');
    if (!isLocal({ remoteAddress: request.socket.remoteAddress, headers: request.headers }))
      return sendJson(response, 403, { problem: 'This page answers on this machine only.' });
    if (request.method === 'GET' && Object.hasOwn(ASSETS, pathname))
      return this.assets.serve({ request, response }, pathname as keyof typeof ASSETS);
    if (request.method === 'GET' && pathname === '/api/setting') return sendJson(response, 200, this.setting);
    if (request.method === 'GET' && pathname === '/api/stream') return this.streams.serve(response);
    if (request.method === 'POST' && pathname === '/api/press') return void this.press(request, response);
    send(response, 404, 'text/plain; charset=utf-8', 'There is nothing here.\n');
  }

  /** Never rejects. */
  private async press(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const foreign = foreignWrite(request);
    if (foreign !== undefined) return sendJson(response, 403, { problem: `This write is refused. ${foreign}` });
    const body = await bodyOf({ given: request, request }).catch(() => undefined);
    const { button } = (body ?? {}) as { button?: unknown };
    if (!isButton(button)) return sendJson(response, 400, { problem: 'button must be the name of one.' });
    const problem = this.theatre.press(button);
    sendJson(response, problem === undefined ? 202 : 409, problem === undefined ? {} : { problem });
  }
}
