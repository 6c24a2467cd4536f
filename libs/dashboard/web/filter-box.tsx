import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Me } from '../src/page';
import { t } from './state';

const STATES = [
  'parked',
  'open',
  'pending',
  'sent',
  'cancelling',
  'answered',
  'final',
  'completed',
  'compensated',
  'delivered',
  'discarded',
];
const CODES = [
  'GAVE_UP',
  'NOBODY_LISTENS',
  'CANCEL_UNANSWERED',
  'FOLLOW_UP_FAILED',
  'UNPROCESSABLE',
  'EXPIRED',
  'UNROUTABLE',
  'REFUSED',
  'UNKNOWN',
];
const TIMES = ['1m', '10m', '1h', '1d'];
const WORDS = ['state:', 'type:', 'to:', 'key:', 'id:', 'older:', 'newer:', 'reason:', 'code:', 'error:', 'data.'];

/** What the word under the cursor may become. */
function completions(term: string, me: Pick<Me, 'types' | 'consumers'>): string[] {
  const colon = term.indexOf(':');
  if (colon === -1) return WORDS.filter((word) => word.startsWith(term));
  const [word, value] = [term.slice(0, colon), term.slice(colon + 1)];
  const values: Record<string, readonly string[]> = {
    state: STATES,
    code: CODES,
    older: TIMES,
    newer: TIMES,
    type: me.types,
    to: me.consumers,
  };
  return (values[word] ?? [])
    .filter((each) => each.startsWith(value) && each !== value)
    .map((each) => `${word}:${each}`);
}

/** A text box that knows the language of filters: arrows choose, Enter or Tab takes, Escape leaves. */
export function FilterBox({
  me,
  filter,
  onSearch,
}: {
  me: Me;
  filter: string;
  onSearch(filter: string): void;
}): JSX.Element {
  const [text, setText] = useState(filter);
  const [shown, setShown] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const box = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => setText(filter), [filter]);
  const start = text.lastIndexOf(' ') + 1;
  const offered = shown ? completions(text.slice(start), me).slice(0, 8) : [];
  const take = (completion: string): void => {
    const unfinished = completion.endsWith(':') || completion.endsWith('.');
    setText(text.slice(0, start) + completion + (unfinished ? '' : ' '));
    setChosen(-1);
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && offered.length > 0) setChosen((chosen + step + offered.length) % offered.length);
    else if ((event.key === 'Enter' || event.key === 'Tab') && offered[chosen] !== undefined) take(offered[chosen]);
    else if (event.key === 'Escape') setShown(false);
    else return;
    event.preventDefault();
  };
  return (
    <form
      class="filter"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        setShown(false);
        onSearch(text.trim());
      }}
    >
      <label for={`${id}-box`}>{t('filter')}</label>
      <div class="combo">
        <input
          ref={box}
          id={`${id}-box`}
          role="combobox"
          aria-autocomplete="list"
          aria-expanded={offered.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={offered[chosen] === undefined ? undefined : `${id}-${chosen}`}
          autocomplete="off"
          spellcheck={false}
          placeholder={t('filterHint')}
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            setShown(true);
            setChosen(-1);
          }}
          onFocus={() => setShown(true)}
          onBlur={() => setShown(false)}
          onKeyDown={onKeyDown}
        />
        <ul id={`${id}-list`} role="listbox" aria-label={t('filter')} hidden={offered.length === 0}>
          {offered.map((each, at) => (
            <li
              key={each}
              id={`${id}-${at}`}
              role="option"
              aria-selected={at === chosen}
              onMouseDown={(event) => {
                event.preventDefault(); // the box keeps the focus
                take(each);
              }}
            >
              {each}
            </li>
          ))}
        </ul>
      </div>
      <button type="submit">{t('search')}</button>
    </form>
  );
}
