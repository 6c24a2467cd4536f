import type { DeliveryRecord, OutboxHealth, OutboxOperations, Reason } from '@tallystick/outbox';
import { type BulkVerb, filterText, parseFilter } from '@tallystick/outbox';
import type { Looks } from './looks';
import type { Settings } from './options';
import {
  type Delivery,
  type Half,
  type InboxRow,
  LEAVES,
  type Machinery,
  type Preview,
  type Sample,
  type Whole,
} from './page';
import { lookElsewhere } from './reader';
import { HIDDEN, isHidden, redacted } from './redaction';

/** As many as a page of the table shows. */
const PAGE = 50;

/** What an action may leave of a filter's words for more than one state; every other word is its own. */
const STATES_OF: Readonly<Record<string, readonly string[]>> = { open: ['pending', 'sent'], final: [] };

/** The consumer of announcements, which is nobody in particular. */
const EVERYBODY = '*';

/** A filter asks for a field that nobody sees here. */
export class HiddenFieldError extends Error {}

/** What the pages show. Reads only, redacts everything that comes from a payload, and never asks for more than a bound. */
export class Views {
  constructor(
    private readonly operations: OutboxOperations,
    private readonly health: OutboxHealth,
    private readonly looks: Looks,
    private readonly settings: Settings,
  ) {}

  get service(): string {
    return this.operations.service;
  }

  /** For completion. */
  words(): ReturnType<Looks['words']> {
    return this.looks.words(this.service);
  }

  sample(): Promise<Sample> {
    return this.looks.sample(this.service);
  }

  /** @param after the id and consumer of the last one of the page before */
  async deliveries(filter: string, after: { id: string; to: string } | undefined): Promise<Delivery[]> {
    const found = await this.operations.find(this.allowed(filter), {
      limit: PAGE,
      ...(after && { after: { messageId: after.id, consumer: after.to } }),
    });
    return found.map(this.shown);
  }

  /** Up to 10,000, which stands for more. */
  count(filter: string): Promise<number> {
    return this.operations.count(this.allowed(filter));
  }

  /** What an action would do to everything that a filter means. Each state is counted along its own index. */
  async preview(verb: BulkVerb, filter: string): Promise<Preview> {
    const asked = parseFilter(this.allowed(filter));
    const { state } = asked;
    const leaves = LEAVES[verb].filter((each) => state === undefined || (STATES_OF[state] ?? [state]).includes(each));
    let changes = 0;
    for (const each of leaves)
      changes += await this.operations.count(filterText({ ...asked, state: each as NonNullable<typeof state> }));
    const matching = leaves.length === 1 && leaves[0] === state ? changes : await this.operations.count(filter);
    return { matching, changes };
  }

  /** Undefined if the service has no such message, or has forgotten it. */
  async message(id: string): Promise<Whole | undefined> {
    const deliveries = await this.operations.find({ id });
    if (deliveries.length === 0) return undefined;
    const kept = await this.looks.message(id);
    const caused = await this.looks.caused(id, this.service);
    const history = await this.operations.history(id);
    const headers = kept?.headers ?? {};
    const { redact } = this.settings;
    return {
      deliveries: deliveries.map(this.shown),
      source: this.service,
      ...(kept && redact !== 'everything' && { payload: redacted(JSON.parse(kept.payload), redact) }),
      headers: this.hidden(headers) as Record<string, string>,
      causedBy: headers['cloudEvents_causationid'],
      caused,
      halves: await this.halves(
        id,
        deliveries.map(({ consumer }) => consumer),
      ),
      history,
    };
  }

  async inbox(where: string, verdict: string | null, before: string | null): Promise<Half> {
    return this.ask(where, (looks) => looks.inbox(verdict, before));
  }

  async machinery(): Promise<Machinery> {
    const { consumers } = await this.words();
    return {
      ...(await this.health.check()),
      quarantined: await this.health.quarantined([this.service, ...consumers.filter((name) => name !== EVERYBODY)]),
      followUps: await this.looks.followUps(this.service),
      handlers: await this.looks.handlers(this.service),
    };
  }

  /** Its own inbox always: several services may share the tables. */
  private halves(id: string, consumers: readonly string[]): Promise<Half[]> {
    const known = consumers.filter((name) => Object.hasOwn(this.settings.inboxes, name));
    return Promise.all(['', ...known].map((where) => this.ask(where, (looks) => looks.inboxOf(id))));
  }

  /** @param where a consumer of the option `inboxes`, or '' for the own database */
  private async ask(where: string, look: (looks: Looks) => Promise<InboxRow[]>): Promise<Half> {
    const url = Object.hasOwn(this.settings.inboxes, where) ? this.settings.inboxes[where] : undefined;
    if (where !== '' && url === undefined)
      return { inbox: where, rows: [], problem: 'Nobody said where this inbox is.' };
    try {
      const asked = url === undefined ? look(this.looks) : lookElsewhere(url, this.settings.tables, look);
      const rows = (await asked).map((row) => ({
        ...row,
        result: this.hidden(row.result),
        reason: row.reason && this.told(row.reason),
      }));
      return { inbox: where, rows };
    } catch (error) {
      if (url === undefined) throw error;
      return { inbox: where, rows: [], problem: `It cannot be asked: ${(error as Error).message}` };
    }
  }

  /** The filter, if whoever looks here may use it. @throws HiddenFieldError · InvalidFilterError */
  allowed(filter: string): string {
    const { data = {} } = parseFilter(filter);
    const { redact } = this.settings;
    const hidden = Object.keys(data).find((field) => isHidden(field, redact));
    if (hidden !== undefined)
      throw new HiddenFieldError(`data.${hidden} is hidden here, so it cannot be searched for either.`);
    return filter;
  }

  private readonly shown = ({ result, reason, ...record }: DeliveryRecord): Delivery => ({
    ...record,
    ...(reason && { reason: this.told(reason) }),
    ...(result !== undefined && { result: this.hidden(result) }),
  });

  private hidden(value: unknown): unknown {
    const { redact } = this.settings;
    return redact === 'everything' ? this.blank(value) : redacted(value, redact);
  }

  /** Its details are of the consumer's making, as a result is. */
  private told(reason: Reason): Reason {
    return reason.details === undefined ? reason : { ...reason, details: this.hidden(reason.details) };
  }

  private blank(value: unknown): unknown {
    if (value === null || value === undefined) return value;
    return typeof value === 'object' ? redacted(value, ['*']) : HIDDEN;
  }
}
