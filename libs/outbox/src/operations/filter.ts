import { InvalidFilterError } from '../errors';
import { type DeliveryState, FINAL_STATES, OPEN_STATES } from '../message/delivery';
import { type Duration, toMs } from '../message/duration';
import { uuidProblem } from '../message/fields';
import { probablyMeant } from '../message/options';
import type { Criteria } from '../ports/store';

/**
 * Which deliveries are meant: all of what is given must be true. As text, in the order of the words' meaning to a person:
 *
 * `state:parked type:order.* to:order-service older:10m code:NOBODY_LISTENS error:"connection refused" data.sku:ABC`
 */
export interface DeliveryFilter {
  readonly state?: DeliveryState | 'open' | 'final';
  /** A message type, or the beginning of one: `order.*`. */
  readonly type?: string;
  /** The consumer; `*` for announcements. */
  readonly to?: string;
  readonly key?: string;
  /** The message's id. */
  readonly id?: string;
  /** Recorded longer ago than this. */
  readonly older?: Duration;
  /** Recorded more recently than this. */
  readonly newer?: Duration;
  /** The code of the consumer's rejection. */
  readonly reason?: string;
  /** Why it is parked, or what its last attempt failed with. */
  readonly code?: string;
  /** A part of the last error's text, in any case. */
  readonly error?: string;
  /** Fields of the payload by path, as text: `{ 'customer.id': '42' }`, written `data.customer.id:42`; at most 16 names, 4 of them numbers. */
  readonly data?: Readonly<Record<string, string>>;
}

type Word = Exclude<keyof DeliveryFilter, 'data'>;

const WORDS: Readonly<Record<Word, string>> = {
  state: 'state:parked',
  type: 'type:order.*',
  to: 'to:order-service',
  key: 'key:42',
  id: 'id:018f0000-0000-7000-8000-000000000001',
  older: 'older:10m',
  newer: 'newer:2d',
  reason: 'reason:OUT_OF_STOCK',
  code: 'code:NOBODY_LISTENS',
  error: 'error:"connection refused"',
};
const STATES: readonly string[] = [...OPEN_STATES, 'parked', ...FINAL_STATES, 'open', 'final'];
const DATA = 'data.';

/** One term: a word, a colon, and a value that may be quoted; or whatever else stands between blanks. */
const TERM = /([^\s:"]+):("(?:[^"\\]|\\.)*"|[^\s"]+)(?=\s|$)|(\S+)/gs;

/** Reads a filter as a person writes it. @throws InvalidFilterError with all that is wrong */
export function parseFilter(text: string): DeliveryFilter {
  const problems: string[] = [];
  const found: Record<string, string> = {};
  const data: Record<string, string> = {};
  for (const [, word, value, stray] of text.matchAll(TERM)) {
    if (word === undefined || value === undefined) {
      problems.push(`"${stray}" is no term: write a word, a colon and a value, e.g. ${WORDS.state} or ${WORDS.error}.`);
      continue;
    }
    const [into, name] = word.startsWith(DATA) ? [data, word.slice(DATA.length)] : [found, word];
    if (into[name] !== undefined) problems.push(`${word} is given twice; all terms must be true of the same delivery.`);
    else into[name] = value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : value;
  }
  return checkedFilter({ ...found, ...(Object.keys(data).length > 0 && { data }) }, problems);
}

/** The filter as text, so that `parseFilter` makes the same of it. */
export function filterText({ data = {}, ...words }: DeliveryFilter): string {
  const terms = [
    ...Object.entries(words).filter(([, value]) => value !== undefined),
    ...Object.entries(data).map(([path, value]) => [DATA + path, value]),
  ];
  return terms.map(([word, value]) => `${word}:${quoted(String(value))}`).join(' ');
}

function quoted(value: string): string {
  return /^[^\s"]+$/.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** The filter as it is, if it can be meant. @throws InvalidFilterError with all that is wrong */
function checkedFilter(filter: object, problems: readonly string[] = []): DeliveryFilter {
  const { data, ...words } = filter as Record<string, unknown>;
  const found = [
    ...problems,
    ...Object.entries(words)
      .filter(([, value]) => value !== undefined)
      .flatMap(([word, value]) => problemWith(word, value) ?? []),
    ...Object.entries(data ?? {}).flatMap(([path, value]) => problemWithField(path, value) ?? []),
  ];
  if (found.length > 0) throw new InvalidFilterError(found);
  return filter as DeliveryFilter;
}

function problemWith(word: string, value: unknown): string | undefined {
  if (!isWord(word)) return unknownWord(word);
  const shown = JSON.stringify(value);
  if (word === 'older' || word === 'newer') {
    if (toMs(value as Duration)) return undefined;
    return `${word}: ${shown} is no length of time: write e.g. ${WORDS[word]}, with ms, s, m, h, d or w.`;
  }
  if (typeof value !== 'string' || value === '') return `${word}: ${shown} is no text, e.g. ${WORDS[word]}.`;
  if (word === 'state' && !STATES.includes(value)) return `state: ${shown} is none of ${STATES.join(', ')}.`;
  if (word === 'id' && uuidProblem(value)) return `id: ${shown} is no UUID.`;
  if (word === 'type' && value.slice(0, -1).includes('*'))
    return `type: ${shown}: a * may only be the end, as in ${WORDS.type}.`;
  return undefined;
}

/** A number is looked for as the name of a field and as a place in a list: each doubles the paths that are meant. */
const MOST_NAMES = 16;
const MOST_NUMBERS = 4;

function problemWithField(path: string, value: unknown): string | undefined {
  const names = path.split('.');
  if (names.includes('')) return `data.${path}: a name is missing; write e.g. data.customer.id:42.`;
  if (names.length > MOST_NAMES)
    return `data.${path}: has ${names.length} names; at most ${MOST_NAMES} are looked for.`;
  const numbers = names.filter((name) => /^\d+$/.test(name)).length;
  if (numbers > MOST_NUMBERS) return `data.${path}: has ${numbers} numbers; at most ${MOST_NUMBERS} are looked for.`;
  return typeof value === 'string' ? undefined : `data.${path}: ${JSON.stringify(value)} is no text.`;
}

function isWord(word: string): word is Word {
  return Object.hasOwn(WORDS, word);
}

function unknownWord(word: string): string {
  const names = [...Object.keys(WORDS), 'data'];
  const meant = probablyMeant(word, names);
  return `There is no word "${word}".${meant === undefined ? '' : ` Did you mean ${meant}?`} There are ${Object.keys(WORDS).join(', ')}, and data.FIELD.`;
}

/** What a store looks for. @throws InvalidFilterError with all that is wrong */
export function criteriaOf(filter: string | DeliveryFilter): Criteria {
  const { state, older, newer, data, ...same } =
    typeof filter === 'string' ? parseFilter(filter) : checkedFilter(filter);
  return {
    ...same,
    ...(state !== undefined && { states: STATES_OF[state as 'open' | 'final'] ?? [state as DeliveryState] }),
    ...(older !== undefined && { olderMs: toMs(older)! }),
    ...(newer !== undefined && { newerMs: toMs(newer)! }),
    ...(data !== undefined && {
      data: Object.entries(data).map(([path, value]) => ({ path: path.split('.'), value })),
    }),
  };
}

const STATES_OF = { open: OPEN_STATES, final: FINAL_STATES };
