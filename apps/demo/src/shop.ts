export interface Purchase {
  readonly id: string;
  readonly userId: string;
  readonly status: 'pending' | 'completed' | 'refunded';
  readonly messageId: string;
  readonly orderId?: string;
  readonly reason?: string;
}

export interface PurchaseRequest {
  userId: string;
  sku: string;
  quantity: number;
  amount: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** What a client of the two services does. It knows their HTTP interface and nothing else. */
export class Shop {
  constructor(
    private readonly services: { user: string; order: string },
    /** Aborted when the demo is to end. */
    private readonly signal: AbortSignal,
  ) {}

  async createUser(name: string, balance: number): Promise<string> {
    return (await this.expected<{ id: string }>('POST', `${this.services.user}/users`, { name, balance })).id;
  }

  async balance(userId: string): Promise<number> {
    return (await this.expected<{ balance: number }>('GET', `${this.services.user}/users/${userId}`)).balance;
  }

  async setStock(sku: string, quantity: number): Promise<void> {
    await this.expected('PUT', `${this.services.order}/stock/${sku}`, { quantity });
  }

  async stock(sku: string): Promise<number> {
    const url = `${this.services.order}/stock/${sku}`;
    return (await this.expected<{ quantity: number }>('GET', url)).quantity;
  }

  /** Is there an order of that id? */
  async hasOrder(id: string): Promise<boolean> {
    return (await this.request('GET', `${this.services.order}/orders/${id}`)).status === 200;
  }

  /** With the HTTP status: here a refusal is an answer like any other. */
  buy(request: PurchaseRequest, idempotencyKey?: string): Promise<Answer<Purchase>> {
    const headers = idempotencyKey ? { 'idempotency-key': idempotencyKey } : undefined;
    return this.request('POST', `${this.services.user}/purchases`, request, headers);
  }

  purchase(id: string): Promise<Purchase> {
    return this.expected('GET', `${this.services.user}/purchases/${id}`);
  }

  private async expected<T>(method: string, url: string, body?: object): Promise<T> {
    const answer = await this.request<T>(method, url, body);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${url} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  }

  private async request<T>(
    method: string,
    url: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<Answer<T>> {
    const answer = await fetch(url, {
      method,
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
      body: body && JSON.stringify(body),
      signal: AbortSignal.any([this.signal, AbortSignal.timeout(10_000)]),
    });
    return { status: answer.status, body: (await answer.json()) as T };
  }
}
