import { type DeliveryFilter, parseFilter } from '@tallystick/outbox';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** From here on nobody counts. */
export const COUNTED = 100_000;

/** A message's id alone, or terms as they came from the shell, which has taken their quotes away. */
export function filterOf(terms: readonly string[]): DeliveryFilter {
  const [only, another] = terms;
  if (only !== undefined && another === undefined && UUID.test(only)) return { id: only };
  return parseFilter(terms.map(quotedTerm).join(' '));
}

function quotedTerm(term: string): string {
  const [, word, value] = /^([^\s:"]+):(.*\s.*)$/s.exec(term) ?? [];
  return value === undefined || value.startsWith('"') ? term : `${word}:"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}

export function countText(count: number): string {
  const many = count === COUNTED ? `${count} deliveries or more` : `${count} deliveries`;
  return count === 1 ? '1 delivery' : many;
}
