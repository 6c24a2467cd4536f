import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from './parts';
import { t } from './state';

/** What will happen, said before it does; why, and the button that does it. Esc and "Back" leave everything as it is. */
export function Dialog({
  title,
  label = title,
  possible = true,
  needsReason = true,
  fields,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  /** Of the button. */
  label?: string;
  /** Whether there is anything to do. */
  possible?: boolean;
  needsReason?: boolean;
  /** What is asked besides why. */
  fields?: ComponentChildren;
  /** The dialog stays, and says what is wrong, where this fails. */
  onSubmit(reason: string): Promise<unknown>;
  onClose(): void;
  children: ComponentChildren;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await onSubmit(reason);
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h3 id="dialog-title">{title}</h3>
        {children}
        <label>
          {t('reason')}
          <input
            required={needsReason}
            maxLength={500}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        {fields}
        {problem !== undefined && <Problem text={problem} />}
        <div class="actions">
          <button type="submit" class="primary" disabled={busy || !possible}>
            {label}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {t('back')}
          </button>
        </div>
      </form>
    </dialog>
  );
}
