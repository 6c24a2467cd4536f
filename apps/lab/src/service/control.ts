import type { Answer, PurchaseRequest } from '../business/purchase';
import type { Side } from './context';
import type { Sent } from './counters';
import type { Action } from './steps';

/** What the lab and a service tell each other over the pipe between the two processes. Plain data. */
export type Command =
  | { readonly kind: 'buy'; readonly request: PurchaseRequest }
  | { readonly kind: 'arm'; readonly step: string; readonly action: Action }
  | { readonly kind: 'release' }
  | { readonly kind: 'disarm' }
  | { readonly kind: 'sent' };

export type Result<C extends Command> = C extends { kind: 'buy' } ? Answer : C extends { kind: 'sent' } ? Sent : null;

export type Asked = Command & { readonly call: number };

export type Told =
  | { readonly kind: 'ready' }
  | { readonly kind: 'settled'; readonly purchaseId: string }
  | { readonly kind: 'answer'; readonly call: number; readonly result?: unknown; readonly problem?: string };

/** Everything a service must know to start, in one environment variable. */
export const SETTINGS_VARIABLE = 'LAB_SERVICE';

export interface Settings {
  readonly protocol: string;
  readonly side: Side;
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly port: number;
  readonly peerUrl: string;
  readonly without: readonly string[];
  readonly journal: string;
  readonly tell: boolean;
}
