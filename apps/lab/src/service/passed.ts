/** How a transaction ended, or what became of a prepared one. */
export type End = 'commit' | 'rollback' | 'prepare transaction' | 'commit prepared' | 'rollback prepared';

/** Something that passed between a service and whatever it speaks to. Plain data. */
export type Passed =
  | { readonly kind: 'started' }
  /** The shopper buys, and is told how it went. */
  | { readonly kind: 'bought' }
  | { readonly kind: 'told'; readonly answer: string }
  /** Told when the database has acknowledged its end. */
  | { readonly kind: 'wrote'; readonly writes: readonly string[]; readonly end: End }
  | { readonly kind: 'sent' | 'received' | 'acknowledged' | 'put back'; readonly message: string }
  | { readonly kind: 'called'; readonly path: string }
  | { readonly kind: 'answered'; readonly path: string; readonly answer: 'ok' | 'no' | 'nothing' };

/** Nobody listens unless the lab tells a story. */
let listener: (passed: Passed) => void = () => {};

export function tellPassed(passed: Passed): void {
  listener(passed);
}

export function listenToPassed(to: (passed: Passed) => void): void {
  listener = to;
}
