import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PublishOutcome } from '../message/delivery';
import type {
  CancelEnvelope,
  Envelope,
  MalformedEnvelope,
  MessageEnvelope,
  ReceiptEnvelope,
} from '../message/envelope';
import { contentHash } from '../message/payload';
import type { Receipt } from '../message/receipt';
import type { Endpoint, Reaction, ReceiptReaction, Subscription, Transport } from '../ports/transport';

/** The services of the suite, and what they may listen to: for transports that must be told before. */
export const CONTRACT_SERVICES = ['user-service', 'order-service', 'mail-service'] as const;
export type ContractService = (typeof CONTRACT_SERVICES)[number];
/** Who listens to the announcement of the suite. */
export const CONTRACT_LISTENERS = { 'user.registered': ['order-service', 'mail-service'] } as const;

/** What a transport's test hands to every case: a network of which nothing has been used yet. */
export interface TransportFixture {
  readonly capabilities: TransportCapabilities;
  /** Makes and starts the transport of a service. All of one fixture can reach each other. */
  connect(service: ContractService, endpoint: Endpoint): Promise<Transport>;
  /** The same, but there is nobody where it connects to. */
  connectToNobody(service: ContractService, endpoint: Endpoint): Promise<Transport>;
  /** Sends something that is no envelope to `order.requested` of this service. */
  sendMalformed(service: ContractService): Promise<void>;
  /** Puts an envelope where a stranger can: into any queue of this service, or, without queues, into a call. */
  smuggle(envelope: Envelope, service: ContractService, queue: SmugglersQueue): Promise<void>;
  /** Breaks every connection; new ones can be opened. */
  breakConnections(): Promise<void>;
}

/** The queues of `order-service` in the suite. */
export type SmugglersQueue = 'order.requested' | 'user.registered' | 'cancel' | 'receipts';

/** Where good transports differ. */
export interface TransportCapabilities {
  /** A message nobody is bound for is *returned*; otherwise it may be *refused* or *unavailable*. */
  readonly returns: boolean;
  /** The receipt comes as the reply to the call: a publish is *replied* to, and *unknown* if no receipt could be applied. */
  readonly receiptsComeWithTheCall: boolean;
  /** Keeps what nobody takes, for the next process of that name. */
  readonly keepsMessages: boolean;
}

/** One sentence of the contract, and how to find out whether it is kept. Rejects if not. */
export interface TransportContractCase {
  readonly name: string;
  run(fixture: TransportFixture): Promise<void>;
}

/** Every case also ends without an unhandled rejection: that would end the process of a user. */
export function behaviour(name: string, run: (scenario: TransportScenario) => Promise<void>): TransportContractCase {
  return {
    name,
    run: async (fixture) => {
      const unhandled: unknown[] = [];
      const note = (reason: unknown): void => void unhandled.push(reason);
      process.on('unhandledRejection', note);
      const scenario = new TransportScenario(fixture);
      try {
        await run(scenario);
      } finally {
        await scenario.end();
        await sleep(0); // rejections are reported after the microtasks of this turn
        process.off('unhandledRejection', note);
      }
      assert.deepEqual(unhandled, []);
    },
  };
}

/** The services of one case. */
export class TransportScenario {
  private readonly services: ContractEndpoint[] = [];

  constructor(readonly fixture: TransportFixture) {}

  get capabilities(): TransportCapabilities {
    return this.fixture.capabilities;
  }

  async service(name: ContractService, ...subscriptions: Subscription[]): Promise<ContractEndpoint> {
    const service = new ContractEndpoint(name, subscriptions);
    this.services.push(service);
    service.transport = await this.fixture.connect(name, service);
    await eventually(`${name} is ready`, () => service.transport.ready);
    return service;
  }

  async lonelyService(name: ContractService): Promise<ContractEndpoint> {
    const service = new ContractEndpoint(name, []);
    this.services.push(service);
    service.transport = await this.fixture.connectToNobody(name, service);
    return service;
  }

  /** The usual two: one that sends requests, and one that handles them. */
  async pair(concurrency = 10): Promise<{ users: ContractEndpoint; orders: ContractEndpoint }> {
    const orders = await this.service('order-service', requests(concurrency));
    return { orders, users: await this.service('user-service') };
  }

  /** What a publish says when all is well. */
  get delivered(): PublishOutcome {
    return { kind: this.capabilities.receiptsComeWithTheCall ? 'replied' : 'confirmed' };
  }

  async end(): Promise<void> {
    for (const service of this.services) service.open();
    await Promise.all(this.services.map(({ transport }) => transport?.close()));
  }
}

/** A service that notes what happens to it, and does what the case wants. */
export class ContractEndpoint implements Endpoint {
  transport!: Transport;
  readonly database = 'contract';
  readonly received: (MessageEnvelope | CancelEnvelope)[] = [];
  readonly receipts: ReceiptEnvelope[] = [];
  readonly malformed: MalformedEnvelope[] = [];
  readonly readiness: boolean[] = [];
  /** How many are being handled, and how many ever were at once. */
  running = 0;
  mostRunning = 0;
  finished = 0;
  react: (envelope: MessageEnvelope | CancelEnvelope) => Reaction | Promise<Reaction> = (envelope) =>
    this.accept(envelope);
  applyReceipt: (envelope: ReceiptEnvelope, returns: number) => Promise<ReceiptReaction> = async () => ({
    kind: 'done',
  });
  private gate: Promise<void> | undefined;
  private openGate: () => void = () => {};

  constructor(
    readonly service: ContractService,
    readonly subscriptions: readonly Subscription[],
  ) {}

  async onEnvelope(envelope: MessageEnvelope | CancelEnvelope): Promise<Reaction> {
    this.received.push(envelope);
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      await this.gate;
      return await this.react(envelope);
    } finally {
      this.running--;
      this.finished++;
    }
  }

  async onReceipt(envelope: ReceiptEnvelope, returns: number): Promise<ReceiptReaction> {
    const reaction = await this.applyReceipt(envelope, returns);
    if (reaction.kind === 'done') this.receipts.push(envelope);
    return reaction;
  }

  onMalformed(malformed: MalformedEnvelope): void {
    this.malformed.push(malformed);
  }

  onReady(ready: boolean): void {
    this.readiness.push(ready);
  }

  /** Handlers wait from now on, until `open()`. */
  shut(): void {
    this.gate = new Promise((resolve) => (this.openGate = resolve));
  }

  open(): void {
    this.openGate();
    this.gate = undefined;
  }

  /** The usual reaction: accepted, in answer to this attempt. */
  accept(envelope: MessageEnvelope | CancelEnvelope, more: Partial<Receipt> = {}): Reaction {
    const payloadHash = contentHash('order.requested', envelope.kind === 'cancel' ? '{}' : envelope.message.payload);
    const receipt = { ...answerTo(envelope, this.service), verdict: 'accepted', payloadHash, ...more } as Receipt;
    return { kind: 'answer', to: 'user-service', receipt };
  }

  /** Publishes until the transport takes it, as a relay would. @returns the last outcome */
  async publishUntilTaken(envelope: MessageEnvelope, to: string | undefined): Promise<PublishOutcome> {
    let outcome: PublishOutcome = { kind: 'unavailable' };
    await eventually(`${envelope.message.id} is taken`, async () => {
      outcome = await this.transport.publish(envelope, to);
      return ['confirmed', 'replied'].includes(outcome.kind);
    });
    return outcome;
  }

  receivedIds(): string[] {
    return this.received.map(idOf);
  }
}

export function requests(concurrency: number): Subscription {
  return { type: 'order.requested', kind: 'request', concurrency };
}

export function request(more: Partial<MessageEnvelope['message']> = {}): MessageEnvelope {
  return {
    kind: 'message',
    message: {
      id: randomUUID(),
      type: 'order.requested',
      source: 'user-service',
      key: undefined,
      payload: '{"quantity": 1}',
      headers: {},
      recordedAt: '2026-11-20T10:00:00.123456Z',
      ...more,
    },
    attempt: 1,
    deadlineAt: undefined,
    replyTo: 'user-service',
  };
}

export function cancellation(): CancelEnvelope {
  const { id: messageId, source, recordedAt } = request().message;
  const reason = { code: 'CANCELLED', message: 'changed my mind' };
  return { kind: 'cancel', messageId, source, recordedAt, attempt: 2, replyTo: 'user-service', reason };
}

export function receiptFrom(consumer: string, to: string): ReceiptEnvelope {
  const reason = { code: 'FORGED' };
  return { kind: 'receipt', to, receipt: { ...answerTo(request(), consumer), verdict: 'rejected', reason } };
}

export function answerTo(envelope: MessageEnvelope | CancelEnvelope, consumer: string) {
  return { messageId: idOf(envelope), consumer, attempt: envelope.attempt, recordedAt: '2026-11-20T10:00:01.000Z' };
}

export function idOf(envelope: MessageEnvelope | CancelEnvelope): string {
  return envelope.kind === 'cancel' ? envelope.messageId : envelope.message.id;
}

/** Polls until the condition holds; fails with what was waited for. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    assert(performance.now() < deadline, `waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(5);
  }
}
