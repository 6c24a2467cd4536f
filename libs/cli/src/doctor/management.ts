/** A queue as the broker's management API tells of it. */
export interface ManagedQueue {
  readonly name: string;
  readonly type?: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** What the policies that apply say together. */
  readonly policies: Readonly<Record<string, unknown>>;
  readonly policy?: string | null;
  readonly operator_policy?: string | null;
}

interface Policy {
  readonly name: string;
  readonly definition: Readonly<Record<string, unknown>>;
}

const TIMEOUT_MS = 10_000;

/** The part of the management API that doctor reads, of one virtual host. */
export class Management {
  private readonly base: URL;
  private readonly authorization: string;

  /**
   * @param url of the management, `http://host:15672`; user and password are those of the broker's url, unless it has its own
   * @param amqpUrl says which virtual host
   */
  constructor(
    url: string,
    private readonly amqpUrl: string,
  ) {
    this.base = new URL(url);
    const { username, password } = this.base.username === '' ? new URL(amqpUrl) : this.base;
    const user = `${decodeURIComponent(username) || 'guest'}:${decodeURIComponent(password) || 'guest'}`;
    this.authorization = `Basic ${Buffer.from(user).toString('base64')}`;
    this.base.username = '';
    this.base.password = '';
  }

  /**
   * Without the statistics, for with them the name of a queue's policy comes some seconds late; and with what the policies say
   * looked up, for without them that is left out (both seen with RabbitMQ 3.10).
   */
  async queues(): Promise<ManagedQueue[]> {
    const queues = await this.get<Omit<ManagedQueue, 'policies'>[]>(`queues/${this.vhost}?disable_stats=true`);
    const policies = await this.get<Policy[]>(`policies/${this.vhost}`);
    const operatorPolicies = await this.get<Policy[]>(`operator-policies/${this.vhost}`);
    const says = (all: Policy[], name?: string | null) => all.find((policy) => policy.name === name)?.definition;
    return queues.map((queue) => ({
      ...queue,
      policies: { ...says(policies, queue.policy), ...says(operatorPolicies, queue.operator_policy) },
    }));
  }

  bindings(): Promise<{ source: string; destination: string }[]> {
    return this.get(`bindings/${this.vhost}`);
  }

  async consumers(): Promise<{ consumer_tag: string; queue: { name: string } }[]> {
    return this.get(`consumers/${this.vhost}`);
  }

  private get vhost(): string {
    return new URL(this.amqpUrl).pathname.slice(1) || '%2F';
  }

  private async get<T>(path: string): Promise<T> {
    const url = new URL(`${this.base.pathname.replace(/\/$/, '')}/api/${path}`, this.base);
    const response = await fetch(url, {
      headers: { authorization: this.authorization },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw new Error(`${url.origin} does not answer`, { cause: error });
    });
    if (response.ok) return (await response.json()) as T;
    const hint = response.status === 401 ? ': its user needs the tag "monitoring" or "management"' : '';
    throw new Error(`${url.origin}/api/${path} answers ${response.status}${hint}`);
  }
}
