import { InvalidHandlerError } from '../errors';

/**
 * What an array handler returned, one result per message; nothing stands for none. Which result belongs to whom can only be
 * told by position, so an array of another length is refused, before anything is committed.
 */
export function resultsOf(returned: unknown, messages: number, where: string): readonly unknown[] {
  if (returned === undefined) return [];
  if (Array.isArray(returned) && returned.length === messages) return returned;
  const what = Array.isArray(returned) ? `${returned.length} results` : 'what is no array';
  throw new InvalidHandlerError([
    `${where} returned ${what} for ${messages} messages, so nobody knows whose they are. Return nothing, or an array with one ` +
      'result per message, in the order of the messages (undefined for those without one).',
  ]);
}
