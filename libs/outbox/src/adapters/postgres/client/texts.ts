/**
 * What a statement without values is to a connection that may hold statements back. Looked at, not parsed; what is not
 * recognised (behind a comment) is a statement like any other, and sent in its place.
 */
const MODE = String.raw`(?:isolation\s+level\s+(?:serializable|repeatable\s+read|read\s+(?:un)?committed)|read\s+(?:only|write)|(?:not\s+)?deferrable)`;
const MODES = String.raw`${MODE}(?:\s*,\s*${MODE}|\s+${MODE})*`;
const TRANSACTION = String.raw`(?:\s+(?:work|transaction))?`;

const BEGINS = new RegExp(String.raw`^\s*(?:begin${TRANSACTION}|start\s+transaction)(?:\s+${MODES})?\s*;?\s*$`, 'i');
const SETS = new RegExp(String.raw`^\s*set\s+transaction\s+${MODES}\s*;?\s*$`, 'i');
const ENDS = new RegExp(String.raw`^\s*(?:commit|rollback)${TRANSACTION}\s*;?\s*$`, 'i');

/** Opens a transaction, and does nothing else. */
export const begins = (text: string): boolean => BEGINS.test(text);
/** Says what a transaction is to be like. Only before its first statement. */
export const setsTransaction = (text: string): boolean => SETS.test(text);
/** Ends a transaction, and does nothing else. */
export const ends = (text: string): boolean => ENDS.test(text);
/** Undoes at least everything since the last statement, also ROLLBACK TO SAVEPOINT. */
export const undoes = (text: string): boolean => /^\s*(?:rollback|abort)\b/i.test(text);
/** Makes the session forget its prepared statements. */
export const forgetsNames = (text: string): boolean => /\b(?:discard|deallocate)\b/i.test(text);
/** Cannot, or cannot surely, travel with others: several statements in one text, and COPY. */
export const travelsAlone = (text: string): boolean => /;\s*\S|^\s*copy\b/i.test(text);

/** The command tag of the server's answer to a statement that it is not asked. */
export function tagOf(text: string): string {
  const [word] = /\w+/.exec(text)!;
  return word.toUpperCase();
}
