import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';

/** What an open tab was told, and when. */
interface Update {
  /** By this process's clock. */
  readonly at: number;
  /** Whether the database had answered. */
  readonly answered: boolean;
}

/** Open tabs of an overview: what a browser keeps open of it, without the browser. */
export class Tabs {
  private readonly updates: Update[][] = [];
  private readonly streams: IncomingMessage[] = [];

  /** Resolves when every one of them has been told something. */
  static async open(dashboardUrl: string, count: number): Promise<Tabs> {
    const tabs = new Tabs();
    for (let tab = 0; tab < count; tab++) await tabs.add(`${dashboardUrl}api/stream`);
    return tabs;
  }

  /** Resolves with the next update of the first one; at once if there is none. */
  async next(): Promise<void> {
    const [stream] = this.streams;
    if (stream) await once(stream, 'data');
  }

  /** Forgets what they were told so far. */
  clear(): void {
    for (const told of this.updates) told.length = 0;
  }

  /** Milliseconds from one update to the next, of all of them. */
  gaps(): number[] {
    return this.updates.flatMap((told) => told.slice(1).map(({ at }, index) => at - told[index]!.at));
  }

  get unanswered(): number {
    return this.updates.flat().filter(({ answered }) => !answered).length;
  }

  close(): void {
    for (const stream of this.streams) stream.destroy();
  }

  private async add(url: string): Promise<void> {
    const [stream] = (await once(get(url), 'response')) as [IncomingMessage];
    if (stream.statusCode !== 200) throw new Error(`${url} answered ${stream.statusCode}`);
    const told: Update[] = [];
    this.updates.push(told);
    this.streams.push(stream);
    stream.on('error', () => {}); // we hang up
    stream.setEncoding('utf8');
    let rest = '';
    await new Promise<void>((resolve) => {
      stream.on('data', (text: string) => {
        const events = (rest + text).split('\n\n');
        rest = events.pop()!;
        for (const event of events)
          told.push({
            at: performance.now(),
            answered: 'sample' in (JSON.parse(event.slice('data: '.length)) as object),
          });
        if (told.length > 0) resolve();
      });
    });
  }
}
