/**
 * Preloaded into the services. Should the demo be killed without a chance to stop them, the pipe between the two closes,
 * and the service ends itself: no process is left behind that occupies a port.
 */
process.once('disconnect', () => {
  setTimeout(() => process.exit(1), 10_000).unref(); // in case the orderly way takes too long
  process.kill(process.pid, 'SIGTERM');
});
process.channel?.unref(); // waiting for that is no reason to stay
