import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { type ActionResult, type BulkVerb, type Delivery, LEAVES, type Me, type Preview } from '../src/page';
import { act, begin, useAnswer } from './api';
import { Dialog } from './dialog';
import { Answer, counted, Problem, State } from './parts';
import { t, to } from './state';

const VERBS: readonly BulkVerb[] = ['retry', 'cancel', 'discard'];

interface Props {
  readonly me: Me;
  readonly deliveries: readonly Delivery[];
  onDone(): void;
}

/** The buttons, and what they would do, before they do it. */
export function Actions({ me, deliveries, onDone }: Props): JSX.Element {
  const [verb, setVerb] = useState<BulkVerb>();
  const [result, setResult] = useState<ActionResult>();
  if (me.may === 'read') return <p class="soft">{t('readOnly')}</p>;
  return (
    <div class="actions">
      {VERBS.map((each) => (
        <button
          key={each}
          type="button"
          disabled={!deliveries.some(({ state }) => LEAVES[each].includes(state))}
          onClick={() => {
            setResult(undefined);
            setVerb(each);
          }}
        >
          {t(each)} …
        </button>
      ))}
      {verb && (
        <OfChosen
          verb={verb}
          deliveries={deliveries}
          onClose={(done) => {
            setVerb(undefined);
            if (!done) return;
            setResult(done);
            onDone();
          }}
        />
      )}
      {result && <Told result={result} />}
    </div>
  );
}

/** The same for everything that a filter means, on this page of the table and on all others. */
export function BulkActions({
  me,
  filter,
  found,
  examples,
}: {
  me: Me;
  filter: string;
  /** How many match. */
  found: number;
  examples: readonly Delivery[];
}): JSX.Element | null {
  const [verb, setVerb] = useState<BulkVerb>();
  if (me.may === 'read' || filter === '' || found === 0) return null;
  return (
    <div class="actions">
      <span>
        {t('everyFound')} ({counted(found)}):
      </span>
      {VERBS.map((each) => (
        <button key={each} type="button" onClick={() => setVerb(each)}>
          {t(`${each}All`)} …
        </button>
      ))}
      {verb && <OfEvery verb={verb} filter={filter} examples={examples} onClose={() => setVerb(undefined)} />}
    </div>
  );
}

function Told({ result: { changed, refused } }: { result: ActionResult }): JSX.Element {
  return (
    <div class="told" role="status">
      {t('done')}: {changed}
      {refused.map(({ target, why }) => (
        <Problem key={target.id + target.to} text={`${t('refused')}: ${why}`} />
      ))}
    </div>
  );
}

interface Options {
  readonly deadline?: string;
  readonly force?: boolean;
}

/** What is asked besides why, and what it will be sent as. */
function useOptions(verb: BulkVerb): [fields: JSX.Element | undefined, options: Options] {
  const [deadline, setDeadline] = useState('');
  const [force, setForce] = useState(false);
  switch (verb) {
    case 'retry':
      return [
        <label>
          {t('deadline')}
          <input
            value={deadline}
            pattern="\d+(ms|s|m|h|d|w)"
            onInput={({ currentTarget }) => setDeadline(currentTarget.value.trim())}
          />
        </label>,
        deadline === '' ? {} : { deadline },
      ];
    case 'discard':
      return [
        <label class="check">
          <input type="checkbox" checked={force} onChange={({ currentTarget }) => setForce(currentTarget.checked)} />
          {t('force')}
        </label>,
        { force },
      ];
    case 'cancel':
      return [undefined, {}];
    default:
      return verb satisfies never;
  }
}

function OfChosen({
  verb,
  deliveries,
  onClose,
}: {
  verb: BulkVerb;
  deliveries: readonly Delivery[];
  onClose(result?: ActionResult): void;
}): JSX.Element {
  const [fields, options] = useOptions(verb);
  const changes = deliveries.filter(({ state }) => LEAVES[verb].includes(state));
  const left = deliveries.filter(({ state }) => !LEAVES[verb].includes(state));
  const submit = async (reason: string): Promise<void> => {
    const targets = changes.map(({ messageId, consumer }) => ({ id: messageId, to: consumer }));
    onClose(await act({ verb, targets, reason, ...options }));
  };
  return (
    <Dialog title={t(verb)} fields={fields} onSubmit={submit} onClose={() => onClose()}>
      <p>{t(`${verb}Will`)}</p>
      <Counts changes={String(changes.length)} />
      <Few of={changes} more={changes.length} />
      {left.length > 0 && (
        <>
          <Left count={String(left.length)} />
          <Few of={left} more={left.length} />
        </>
      )}
    </Dialog>
  );
}

function OfEvery({
  verb,
  filter,
  examples,
  onClose,
}: {
  verb: BulkVerb;
  filter: string;
  examples: readonly Delivery[];
  onClose(): void;
}): JSX.Element {
  const [fields, options] = useOptions(verb);
  const preview = useAnswer<Preview>('preview', { verb, filter });
  const submit = async (reason: string): Promise<void> => {
    await begin({ verb, filter, reason, ...options });
    location.hash = to('operations');
  };
  return (
    <Dialog
      title={t(`${verb}All`)}
      fields={fields}
      possible={(preview.value?.changes ?? 0) > 0}
      onSubmit={submit}
      onClose={onClose}
    >
      <p>
        <code>{filter}</code>
      </p>
      <p>{t(`${verb}Will`)}</p>
      <Answer of={preview}>
        {({ matching, changes }) => (
          <>
            <Counts changes={counted(changes)} />
            <Few of={examples.filter(({ state }) => LEAVES[verb].includes(state))} more={changes} />
            {matching > changes && <Left count={counted(matching - changes, matching)} />}
          </>
        )}
      </Answer>
      <p class="soft">{t('bulkWill')}</p>
    </Dialog>
  );
}

function Counts({ changes }: { changes: string }): JSX.Element {
  return (
    <p>
      {t('applies')}: <b>{changes}</b>
    </p>
  );
}

function Left({ count }: { count: string }): JSX.Element {
  return (
    <p class="soft">
      {t('doesNotApply')}: {count}
    </p>
  );
}

/** Some of them, and how many there are besides. */
function Few({ of, more }: { of: readonly Delivery[]; more: number }): JSX.Element {
  const shown = of.slice(0, 5);
  return (
    <ul class="few">
      {shown.map(({ messageId, consumer, type, state }) => (
        <li key={messageId + consumer}>
          {type} → {consumer} <State name={state} />
        </li>
      ))}
      {more > shown.length && <li>… +{(more - shown.length).toLocaleString()}</li>}
    </ul>
  );
}
