/**
 * Loaded before a process of the rig (`node --require`), instead of fault hooks in the product: it wraps what every step
 * goes through, the queries of `pg` and mysql2 and amqplib's channels, and recognises a step by the name that each of the
 * library's statements carries in its text. The process that reaches the armed point first stops itself, all of it, right
 * there, until somebody continues or kills it.
 */
import './watch-amqplib';
import './watch-mysql2';
import './watch-pg';

/** Pruning comes round once a minute; here nobody has that long. */
const PRUNE_EVERY_MS = 60_000;
const { setTimeout: later } = globalThis;
globalThis.setTimeout = Object.assign(
  ((callback: () => void, ms?: number, ...args: []) =>
    later(callback, ms === PRUNE_EVERY_MS ? 1_000 : ms, ...args)) as typeof setTimeout,
  later, // util.promisify finds its own version there
);
