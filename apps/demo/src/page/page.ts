/** What the server and the page tell each other: types only, so that both are compiled against the same. */

import type { Finding } from '../finding';

export type { Finding };

export type Side = 'user' | 'order';

export type ButtonName =
  | 'buyOne'
  | 'buyHundred'
  | 'sellOut'
  | 'killOrder'
  | 'killUser'
  | 'stopBroker'
  | 'loseReceipts'
  | 'threeTimes'
  | 'slow'
  | 'pause'
  | 'cancel';

/** Why a button makes no sense here. */
export type Obstacle = 'noBroker' | 'noLine' | 'noDatabaseLine';

export interface Offer {
  readonly button: ButtonName;
  readonly obstacle?: Obstacle;
}

/** What was done, as it is told. */
export type StepName =
  | 'opened'
  | 'bought'
  | 'killed'
  | 'away'
  | 'back'
  | 'brokerAway'
  | 'brokerBack'
  | 'muted'
  | 'cut'
  | 'copying'
  | 'slow'
  | 'quick'
  | 'paused'
  | 'held'
  | 'resumed'
  | 'cancelling'
  | 'settled';

export interface Step {
  readonly step: StepName;
  readonly count?: number;
}

export type ClaimName =
  | 'allCompleted'
  | 'oneOrderEach'
  | 'paidOnce'
  | 'soldOnce'
  | 'shelfEmpty'
  | 'restRefunded'
  | 'waited'
  | 'oncePerKey'
  | 'unheard'
  | 'copied'
  | 'backlog'
  | 'givenUp'
  | 'tooLate';

/** Part of what a button announced, and the numbers that the databases gave. */
export interface Claim {
  readonly claim: ClaimName;
  readonly holds: boolean;
  readonly found: readonly number[];
}

/** The latest press of a button. */
export interface Press {
  readonly button: ButtonName;
  /** Counted over all buttons. */
  readonly number: number;
  readonly steps: readonly Step[];
  readonly state: 'running' | 'kept' | 'broken';
  /** Once it is over. */
  readonly claims: readonly Claim[];
  /** Why it could not be played to its end. */
  readonly problem?: string;
}

/** What does not change while the demo runs. */
export interface Setting {
  readonly transport: 'rabbitmq' | 'direct';
  /** Where the services are: `http://127.0.0.1:3001`. */
  readonly services: Readonly<Record<Side, string>>;
  readonly offers: readonly Offer[];
}

/** Where a message is, by the rows of both databases. */
export type Station = 'recorded' | 'sent' | 'decided' | 'completed' | 'refunded' | 'parked';

/** A row of a table, as it is shown. */
export type Row = Readonly<Record<string, string | number | null>>;

export type TableName = 'users' | 'purchases' | 'outbox_delivery' | 'stock' | 'orders' | 'inbox_message';

/** Everything that is seen at once; the page shows the newest. */
export interface Picture {
  readonly running: Readonly<Record<Side, boolean>>;
  /** The latest messages, the newest first. */
  readonly messages: readonly { readonly id: string; readonly at: Station }[];
  readonly tables: Readonly<Record<TableName, readonly Row[]>>;
  /** Of what this demo did. */
  readonly counters: {
    readonly purchases: number;
    readonly open: number;
    readonly completed: number;
    readonly refunded: number;
    readonly orders: number;
    /** Messages that were sent more than once. */
    readonly again: number;
  };
  /** Messages that are ready in the queues; null while the broker does not answer, undefined where there is none. */
  readonly queues?: { readonly requests: number; readonly receipts: number } | null;
  readonly invariants: readonly Finding[];
}

/** What is told beside each picture. */
export interface More {
  /** The story in the terminal is not over yet. */
  readonly story: boolean;
  readonly presses: readonly Press[];
}
