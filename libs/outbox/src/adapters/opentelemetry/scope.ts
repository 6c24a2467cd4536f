/** The instrumentation scope: who measures, and who traces. */
export const SCOPE = '@tallystick/outbox';
