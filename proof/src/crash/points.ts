/**
 * Where a process can be stopped: every step of a message after which something is true that was not true before. The
 * names of failures as they happen, in the order of a message's life. `preload.ts` finds these places.
 */
export const POINTS = [
  // producer: business change and message, one transaction
  'debited',
  'recorded',
  'before the commit of a recording',
  'after the commit of a recording',
  // relay
  'claimed',
  'before a publish',
  'published',
  'confirmed',
  'before a mark',
  'marked',
  // consumer
  'delivered',
  'inbox row inserted',
  'handled',
  'before the commit of a verdict',
  'after the commit of a verdict',
  // several messages in one transaction
  'inbox rows of a batch inserted',
  'handled in a batch',
  'before the commit of a batch',
  'after the commit of a batch',
  'before a rejection is stored',
  'rejection stored',
  'receipt published',
  'receipt confirmed',
  'acknowledged',
  // producer again
  'receipt delivered',
  'row closed',
  'followed up',
  'before the commit of a follow-up',
  'after the commit of a follow-up',
  'receipt acknowledged',
  // producer, what expects no follow-up
  'before receipts are applied in a batch',
  'receipts applied in a batch',
  // both, when what is ready together travels together
  'bundle published',
  'bundle confirmed',
  'bundle delivered',
  'one of a bundle committed',
  'bundle of receipts published',
  'bundle of receipts confirmed',
  'bundle acknowledged',
  'bundle of receipts delivered',
  'one of a bundle of receipts applied',
  'bundle of receipts acknowledged',
  // maintenance
  'outbox pruned',
  'inbox pruned',
] as const;

/** The same of a key whose messages are to be in order: who lets the next one go, and when he is lost. */
export const ORDER_POINTS = [
  'recorded in line',
  'before the commit of a recording in line',
  'after the commit of a recording in line',
  'before a look whose turn it is',
  'next one let go by a look',
  'before a receipt closes one, and the next one is taken',
  'closed, and the next one taken',
  'after the commit of a follow-up in line',
  'discarded, and the next one not looked for',
] as const;

/** The same of a deployment: in the middle of what its migrations do, and around their commit. */
export const MIGRATION_POINTS = [
  'migrating',
  'before the commit of a migration',
  'after the commit of a migration',
] as const;

/** Reached under load only. */
export function isInBundle(point: Point): boolean {
  return point.includes('bundle');
}

export type Point = (typeof POINTS)[number] | (typeof ORDER_POINTS)[number] | (typeof MIGRATION_POINTS)[number];

export const ACTIONS = [
  'killed',
  'paused for two leases',
  'cut off from its database',
  'cut off from the broker',
] as const;
/** Where a message or a receipt passes from a process to a queue or back. */
export const BROKER_POINTS = [
  'before a publish',
  'published',
  'confirmed',
  'delivered',
  'after the commit of a verdict',
  'receipt published',
  'receipt confirmed',
  'acknowledged',
  'receipt delivered',
  'receipt acknowledged',
] as const satisfies readonly Point[];

/** Reached only by a process that takes several messages together. */
export const BATCH_POINTS = [
  'inbox rows of a batch inserted',
  'handled in a batch',
  'before the commit of a batch',
  'after the commit of a batch',
] as const satisfies readonly Point[];

/** With three brokers: while a process stands there, one of them is lost to it, and comes back when all is settled. */
export const CLUSTER_ACTIONS = ['the leader of its queue killed', 'the leader of its queue cut off'] as const;
export type ClusterAction = (typeof CLUSTER_ACTIONS)[number];
export type Action = (typeof ACTIONS)[number] | ClusterAction;

/** Where processes and the matrix meet: a directory with two files. */
export const DIRECTORY_VARIABLE = 'CRASH_DIRECTORY';
/** Holds the point at which the first process to reach it is to stop. */
export const ARMED = 'armed';
/** Holds the id of the process that stopped there. */
export const HIT = 'hit';
