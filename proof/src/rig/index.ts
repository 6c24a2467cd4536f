/**
 * The rig: the smallest two services in which everything about the promise can be seen, as real processes on a real
 * database (PostgreSQL or MariaDB) and a real transport. Drills, crash matrix and soak stand on it.
 *
 * - `rig-producer` has accounts and purchases: it debits an account and records `purchase.made` in one transaction, and
 *   has a `@OnAccepted` and a `@Compensate`.
 * - `rig-consumer` has orders: one `@MessageHandler` that inserts one.
 *
 * They differ from services one would write in two ways. What happens to a message is commanded by its payload, the
 * {@link Script}. And their tables have no unique keys and their updates no guards, so that whatever the library failed
 * to prevent stays visible: a second order is a second row, a second refund is a second movement.
 *
 * ```ts
 * const rig = await startRig({ server: postgres, amqpUrl, producers: 2 });
 * try {
 *   const accountId = await rig.openAccount(10_000);
 *   const { messageId } = await rig.record({ accountId, amount: 100, script: { failTimes: 5 } });
 *   await rig.consumers[0].kill('SIGKILL');              // any signal; then start(), or restart() for both
 *   await rig.consumers[0].start();
 *   await rig.settled();                                 // no delivery is open or parked any more
 *   expect(await auditRig(rig)).toEqual([]);             // asks both databases, in SQL
 * } finally {
 *   await rig.stop();                                    // throws if a process ended by itself or had an unhandled rejection
 * }
 * ```
 *
 * Between the processes and their servers there can be a `TcpProxy`: give `amqpUrl` per side, or `databasePort`.
 * `relaysOnly: n` starts n more producers that only relay, and makes the others record only.
 */
export { auditRig } from './audit';
export { ELSEWHERE, type Script } from './contract';
export { databaseOf, DATABASES, type DatabaseKind, type PrivateRigServer, type RigServer } from './databases';
export { type Recorded, Rig, type RigOptions, startRig } from './rig';
export { RigProcess, type Side } from './rig-process';
export type { RigSettings } from './settings';
