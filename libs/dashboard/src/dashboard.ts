import { Logger } from '@nestjs/common';
import type { OutboxOperations } from '@tallystick/outbox';
import { FilterTooBroadError, InvalidFilterError, OperationRefusedError } from '@tallystick/outbox';
import { foreignWrite, isLocal, type Visitor, visitorOf } from './access';
import {
  act,
  InvalidActionError,
  readAction,
  readBulk,
  readJob,
  readPause,
  readResume,
  readVerb,
  UUID,
} from './actions';
import { ASSETS, Assets } from './assets';
import { bodyOf, type Exchange, send, sendJson } from './http';
import { Jobs } from './jobs';
import type { Settings } from './options';
import type { BulkJob, Me, Sample } from './page';
import { refuse } from './refusal';
import type { Streams } from './stream';
import { HiddenFieldError, type Views } from './views';

type Answer = (exchange: Exchange, visitor: Visitor) => Promise<unknown>;
type Write = (sent: unknown, by: string) => Promise<unknown>;

/** A look-up that cannot be meant as it was asked, or that found nothing. */
class NotFoundError extends Error {}

/** Everything that answers below the path: who may come in is asked first, whatever is asked for. */
export class Dashboard {
  private readonly logger = new Logger('OutboxDashboard');
  private readonly assets = new Assets();
  private readonly bulk: Jobs;

  constructor(
    private readonly settings: Settings,
    private readonly operations: OutboxOperations,
    private readonly views: Views,
    private readonly streams: Streams<Sample>,
  ) {
    this.bulk = new Jobs(operations, (error) => this.logger.error(`A bulk operation failed: ${String(error)}`));
  }

  get paths(): { get: string[]; post: string[] } {
    return {
      get: ['', ...Object.keys(ASSETS), '/api/stream', ...Object.keys(this.reads)],
      post: Object.keys(this.writes),
    };
  }

  /** Lets a service that stops end what was begun here. */
  close(): Promise<void> {
    this.streams.close();
    return this.bulk.close();
  }

  /** Never rejects: whoever asked gets an answer. */
  async serve(exchange: Exchange): Promise<void> {
    try {
      await this.answer(exchange);
    } catch (error) {
      const [status, problem] = problemOf(error);
      if (status === 500) this.logger.error(`${exchange.path} failed: ${String(error)}`);
      sendJson(exchange.response, status, { problem });
    }
  }

  private async answer(exchange: Exchange): Promise<void> {
    const { path, request, response } = exchange;
    const visitor = await this.visitor(exchange);
    if (!visitor) return refuse(exchange, this.settings.authorize !== undefined);
    // Relative, so that it is right behind a proxy that took something off the path.
    if (path === '')
      return send(response, 308, 'text/plain', '', { Location: `${this.settings.path.split('/').at(-1)}/` });
    if (Object.hasOwn(ASSETS, path)) return this.assets.serve(exchange, path as keyof typeof ASSETS);
    if (request.method === 'POST') return this.write(exchange, visitor);
    if (path === '/api/stream') return this.streams.serve(response);
    sendJson(response, 200, await this.reads[path]!(exchange, visitor));
  }

  private async visitor({ given, request }: Exchange): Promise<Visitor | undefined> {
    const { authorize } = this.settings;
    if (authorize) return visitorOf(await authorize(given as never));
    const arrival = { remoteAddress: request.socket.remoteAddress, headers: request.headers };
    return isLocal(arrival) ? { may: 'operate', name: 'loopback' } : undefined;
  }

  private async write(exchange: Exchange, visitor: Visitor): Promise<void> {
    const { request, response } = exchange;
    const foreign = foreignWrite(request);
    if (foreign !== undefined) return sendJson(response, 403, { problem: `This write is refused. ${foreign}` });
    if (visitor.may !== 'operate')
      return sendJson(response, 403, { problem: `${visitor.name} may look here, and change nothing.` });
    sendJson(response, 200, await this.writes[exchange.path]!(await bodyOf(exchange), visitor.name));
  }

  /** Every one of them is in the audit, with the name of who did it. */
  private readonly writes: Readonly<Record<string, Write>> = {
    '/api/actions': (sent, by) => act(this.operations, readAction(sent), by),
    '/api/bulk': (sent, by) => {
      const asked = readBulk(sent);
      return this.bulk.begin({ ...asked, filter: this.views.allowed(asked.filter) }, by);
    },
    '/api/jobs/stop': (sent, by) => this.bulk.stop(readJob(sent), by),
    '/api/jobs/resume': (sent, by) => this.bulk.resume(readJob(sent), by),
    '/api/pause': (sent, by) => this.operations.pause({ ...readPause(sent), by }),
    '/api/resume': (sent, by) => this.operations.resume({ ...readResume(sent), by }),
  };

  private readonly reads: Readonly<Record<string, Answer>> = {
    '/api/me': async (_, visitor): Promise<Me> => ({
      ...visitor,
      ...(await this.views.words()),
      service: this.views.service,
      environment: this.settings.environment,
      inboxes: ['', ...Object.keys(this.settings.inboxes)],
      payloads: this.settings.redact !== 'everything',
    }),
    '/api/deliveries': async ({ query }) => {
      const [id, to] = [query.get('after'), query.get('to')];
      return this.views.deliveries(query.get('filter') ?? '', id !== null && to !== null ? { id, to } : undefined);
    },
    '/api/preview': async ({ query }) => this.views.preview(readVerb(query.get('verb')), query.get('filter') ?? ''),
    '/api/count': async ({ query }) => this.views.count(query.get('filter') ?? ''),
    '/api/message': async ({ query }) => {
      const id = query.get('id') ?? '';
      const found = UUID.test(id) ? await this.views.message(id) : undefined;
      if (!found) throw new NotFoundError('This service has recorded no such message, or has forgotten it since.');
      return found;
    },
    '/api/inbox': async ({ query }) =>
      this.views.inbox(query.get('of') ?? '', query.get('verdict') || null, query.get('before') || null),
    '/api/machinery': async () => this.views.machinery(),
    '/api/jobs': async (): Promise<BulkJob[]> => this.operations.jobs({ limit: 20 }),
    '/api/audit': async ({ query }) => {
      const after = query.get('after');
      return this.operations.audit({ limit: 50, ...(after !== null && { after }) });
    },
  };
}

function problemOf(error: unknown): [status: number, problem: string] {
  if (error instanceof NotFoundError) return [404, error.message];
  if (error instanceof InvalidActionError || error instanceof InvalidFilterError || error instanceof HiddenFieldError)
    return [400, error.message];
  if (error instanceof OperationRefusedError) return [409, error.message];
  if (error instanceof FilterTooBroadError) return [422, error.message];
  if (error instanceof SyntaxError) return [400, 'The body is no JSON.'];
  return [500, 'It could not be answered; the log of the service says why.'];
}
