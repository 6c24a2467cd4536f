import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ActionResult, Delivery, Me, BulkVerb } from '../src/page';
import { act } from './api';
import { Problem, State } from './parts';
import { t } from './state';

const VERBS: readonly BulkVerb[] = ['retry', 'cancel', 'discard'];

/** Which states an action may leave. The database decides; this is what is said before. */
const LEAVES: Record<BulkVerb, readonly string[]> = {
  retry: ['parked'],
  cancel: ['pending', 'sent', 'parked'],
  discard: ['parked'],
};

/** The buttons, and what they would do, before they do it. */
export function Actions({
  me,
  deliveries,
  onDone,
}: {
  me: Me;
  deliveries: readonly Delivery[];
  onDone(): void;
}): JSX.Element {
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
        <Preview
          verb={verb}
          deliveries={deliveries}
          onClose={(done) => {
            setVerb(undefined);
            setResult(done);
            if (done) onDone();
          }}
        />
      )}
      {result && <Told result={result} />}
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

function Preview({
  verb,
  deliveries,
  onClose,
}: {
  verb: BulkVerb;
  deliveries: readonly Delivery[];
  onClose(result?: ActionResult): void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [deadline, setDeadline] = useState('');
  const [force, setForce] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const changes = deliveries.filter(({ state }) => LEAVES[verb].includes(state));
  const left = deliveries.filter(({ state }) => !LEAVES[verb].includes(state));
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const targets = changes.map(({ messageId, consumer }) => ({ id: messageId, to: consumer }));
      onClose(
        await act({
          verb,
          targets,
          reason,
          ...(verb === 'retry' && deadline !== '' && { deadline }),
          ...(verb === 'discard' && { force }),
        }),
      );
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="preview" onClose={() => onClose()}>
      <form onSubmit={(event) => void submit(event)}>
        <h3 id="preview">{t(verb)}</h3>
        <p>{t(`${verb}Will`)}</p>
        <p>
          {t('applies')}: <b>{changes.length}</b>
        </p>
        <Few of={changes} />
        {left.length > 0 && (
          <>
            <p class="soft">
              {t('doesNotApply')}: {left.length}
            </p>
            <Few of={left} />
          </>
        )}
        <label>
          {t('reason')}
          <input
            required
            maxLength={500}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        {verb === 'retry' && (
          <label>
            {t('deadline')}
            <input
              value={deadline}
              pattern="\d+(ms|s|m|h|d|w)"
              onInput={({ currentTarget }) => setDeadline(currentTarget.value.trim())}
            />
          </label>
        )}
        {verb === 'discard' && (
          <label class="check">
            <input type="checkbox" checked={force} onChange={({ currentTarget }) => setForce(currentTarget.checked)} />
            {t('force')}
          </label>
        )}
        {problem !== undefined && <Problem text={problem} />}
        <div class="actions">
          <button type="submit" class="primary" disabled={busy}>
            {t(verb)}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {t('back')}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function Few({ of }: { of: readonly Delivery[] }): JSX.Element {
  return (
    <ul class="few">
      {of.slice(0, 5).map(({ messageId, consumer, type, state }) => (
        <li key={messageId + consumer}>
          {type} → {consumer} <State name={state} />
        </li>
      ))}
      {of.length > 5 && <li>… +{of.length - 5}</li>}
    </ul>
  );
}
