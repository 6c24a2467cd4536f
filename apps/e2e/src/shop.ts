import { until } from '@tallystick/services';

/** An answer of a service. `body` is the parsed JSON, or the text if it is none. */
export interface Answer {
  readonly status: number;
  // Tests look into answers of any shape, also of shapes they hope not to get.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export interface PurchaseBody {
  userId: string;
  sku: string;
  quantity: number;
  amount: number;
}

/** Sends a request. A string is sent as it is, anything else as JSON. */
export async function send(
  method: string,
  url: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await answer.text();
  return { status: answer.status, body: parsed(text) };
}

/** What a client of the two services does, in a line each. */
export class Shop {
  constructor(
    readonly userUrl: string,
    readonly orderUrl: string,
  ) {}

  /** @returns the id of the user */
  async createUser(balance: number, name = 'Ada'): Promise<string> {
    return (await expected(201, send('POST', `${this.userUrl}/users`, { name, balance }))).id;
  }

  async balance(userId: string): Promise<number> {
    return (await expected(200, send('GET', `${this.userUrl}/users/${userId}`))).balance;
  }

  async setStock(sku: string, quantity: number): Promise<void> {
    await expected(200, send('PUT', `${this.orderUrl}/stock/${encodeURIComponent(sku)}`, { quantity }));
  }

  async stock(sku: string): Promise<number> {
    return (await expected(200, send('GET', `${this.orderUrl}/stock/${encodeURIComponent(sku)}`))).quantity;
  }

  purchase(body: PurchaseBody, idempotencyKey?: string): Promise<Answer> {
    const headers = idempotencyKey === undefined ? undefined : { 'idempotency-key': idempotencyKey };
    return send('POST', `${this.userUrl}/purchases`, body, headers);
  }

  getPurchase(id: string): Promise<Answer> {
    return send('GET', `${this.userUrl}/purchases/${id}`);
  }

  /** @returns the purchase once it is completed or refunded */
  async settled(id: string, timeoutMs = 20_000): Promise<Answer['body']> {
    let { body } = await this.getPurchase(id);
    const isSettled = async (): Promise<boolean> => {
      ({ body } = await this.getPurchase(id));
      return body.status === 'completed' || body.status === 'refunded';
    };
    await until(`purchase ${id} is completed or refunded`, isSettled, { timeoutMs });
    return body;
  }
}

async function expected(status: number, answer: Promise<Answer>): Promise<Answer['body']> {
  const { status: given, body } = await answer;
  if (given !== status) throw new Error(`Expected ${status}, got ${given}: ${JSON.stringify(body)}`);
  return body;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
