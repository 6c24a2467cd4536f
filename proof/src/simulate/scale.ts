import { CASUALLY_IN_LINE, IN_LINE, ORDER_CONTRACTS, ORDERS, type Service, USERS } from './business';

/** How much of everything there is in a world. */
export interface Scale {
  /** Processes of user-service, each with a relay. */
  readonly relays: number;
  readonly users: readonly string[];
  readonly purchases: { readonly least: number; readonly choices: number };
  /** What is bought, each as often as it is named. */
  readonly types: readonly string[];
  readonly rushedTypes: readonly string[];
  /** Whether an order that was placed is announced. */
  readonly announces: boolean;
  /** Ten times what the busiest of many seeds took. */
  readonly mostSteps: number;
}

/** Every kind of message, and few of each. */
export const SHOP: Scale = {
  relays: 2,
  users: ['anna', 'bert'],
  purchases: { least: 2, choices: 8 },
  types: ['order.requested', 'order.requested', 'order.urgent', ...Object.keys(ORDER_CONTRACTS)],
  rushedTypes: ['order.requested', IN_LINE, CASUALLY_IN_LINE],
  announces: true,
  mostSteps: 20_000,
};

/** Long queues, each in order, at four relays. */
export const QUEUES: Scale = {
  relays: 4,
  users: ['anna', 'bert', 'cleo', 'dora', 'emil', 'fred', 'gina', 'hans'],
  purchases: { least: 110, choices: 61 },
  types: [IN_LINE, CASUALLY_IN_LINE, CASUALLY_IN_LINE],
  rushedTypes: [IN_LINE, CASUALLY_IN_LINE],
  announces: false,
  mostSteps: 200_000,
};

/** Consumers are always two. */
export function placesOf({ relays }: Scale): { name: string; service: Service }[] {
  return [
    ...Array.from({ length: relays }, (_, index) => ({ name: `user-${index + 1}`, service: USERS })),
    ...Array.from({ length: 2 }, (_, index) => ({ name: `order-${index + 1}`, service: ORDERS })),
  ] as { name: string; service: Service }[];
}
