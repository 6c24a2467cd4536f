import type { ServerResponse } from 'node:http';
import { PROTECTED } from './http';
import type { Look, Sampler } from './sampler';

/** Then the browser asks again, and whoever may not look any more is refused. */
const LONGEST_MS = 5 * 60_000;

/** Server-sent events to everybody who watches, from one sampler. */
export class Streams<Sample> {
  private readonly open = new Map<ServerResponse, () => void>();
  private closed = false;

  constructor(
    private readonly sampler: Sampler<Sample>,
    /** Told with every look. */
    private readonly more: () => object,
  ) {}

  serve(response: ServerResponse): void {
    if (this.closed) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, {
      ...PROTECTED,
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store, no-transform',
      'X-Accel-Buffering': 'no', // a proxy that collects would show nothing
    });
    const stop = this.sampler.watch((look) => this.tell(response, look));
    const over = setTimeout(() => response.end(), LONGEST_MS).unref();
    const end = (): void => {
      clearTimeout(over);
      stop();
      this.open.delete(response);
    };
    this.open.set(response, end);
    response.on('close', end);
    response.on('error', end);
  }

  /** A server that waits for its connections to end must not wait for these. */
  close(): void {
    this.closed = true;
    for (const [response, end] of [...this.open]) {
      end();
      response.end();
    }
  }

  private tell(response: ServerResponse, look: Look<Sample>): void {
    if (response.writableNeedDrain) return; // somebody slow sees the next one
    response.write(`data: ${JSON.stringify({ ...look, ...this.more() })}\n\n`);
  }
}
