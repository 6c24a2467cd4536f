/** What sending stops for: a consumer (`*` for announcements), a type, both together, or, with neither, everything. */
export interface PauseTarget {
  readonly to?: string;
  readonly type?: string;
}

/** A pause that has not ended. */
export interface Pause extends PauseTarget {
  /** ISO 8601, the database's clock. */
  readonly since: string;
  /** Who, as told by the caller. */
  readonly by: string;
  readonly reason: string;
}

/** Whether a message of this type to this consumer is to be held back. */
export function isPaused(pauses: readonly PauseTarget[], consumer: string, type: string): boolean {
  return pauses.some((pause) => (pause.to ?? consumer) === consumer && (pause.type ?? type) === type);
}

/** As a person would write it: `to:order-service type:order.requested`, or `everything`. */
export function pauseText({ to, type }: PauseTarget): string {
  const terms = [...(to === undefined ? [] : [`to:${to}`]), ...(type === undefined ? [] : [`type:${type}`])];
  return terms.join(' ') || 'everything';
}
