import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Me, Pause, PauseTarget } from '../src/page';
import { pause, resume } from './api';
import { Dialog } from './dialog';
import { Time } from './parts';
import { t } from './state';

/** What somebody holds back, and who, so that nobody forgets it; to be ended here by whoever may. */
export function Pauses({ of, me }: { of: readonly Pause[]; me?: Me }): JSX.Element | null {
  const [said, setSaid] = useState<string>();
  const [ending, setEnding] = useState<Pause>();
  const end = async (reason: string): Promise<void> => {
    const { released } = await resume({ ...targetOf(ending!), reason });
    setSaid(`${t('released')}: ${released}`);
    setEnding(undefined);
  };
  if (of.length === 0 && said === undefined) return null;
  return (
    <section class="paused" role="status">
      {of.length > 0 && (
        <>
          <h3>{t('paused')}</h3>
          <ul>
            {of.map((each) => (
              <li key={`${each.to} ${each.type}`}>
                <b>{nameOf(each)}</b> {t('since')} <Time at={each.since} /> {t('byPerson')} {each.by}: {each.reason}{' '}
                {me?.may === 'operate' && (
                  <button
                    type="button"
                    aria-label={`${t('resume')} ${nameOf(each)} …`}
                    onClick={() => {
                      setSaid(undefined);
                      setEnding(each);
                    }}
                  >
                    {t('resume')} …
                  </button>
                )}
              </li>
            ))}
          </ul>
          <p class="soft">{t('pausedHint')}</p>
        </>
      )}
      {said !== undefined && <p>{said}</p>}
      {ending && (
        <Dialog
          title={`${t('resume')}: ${nameOf(ending)}`}
          label={t('resume')}
          needsReason={false}
          onSubmit={end}
          onClose={() => setEnding(undefined)}
        >
          <p>{t('resumeWill')}</p>
        </Dialog>
      )}
    </section>
  );
}

/** Holds back what is for a consumer, or, without one, everything; only one type of it, if somebody says so. */
export function PauseButton({ me, to }: { me: Me; to?: string }): JSX.Element {
  const [asking, setAsking] = useState(false);
  const [type, setType] = useState('');
  const label = to === undefined ? t('pauseEverything') : t('pause');
  const begin = async (reason: string): Promise<void> => {
    await pause({ ...(to !== undefined && { to }), ...(type !== '' && { type }), reason });
    setAsking(false);
  };
  return (
    <>
      <button
        type="button"
        aria-label={to === undefined ? undefined : `${label} ${to} …`}
        onClick={() => setAsking(true)}
      >
        {label} …
      </button>
      {asking && (
        <Dialog
          title={to === undefined ? label : `${label}: ${to}`}
          label={t('pause')}
          onSubmit={begin}
          onClose={() => setAsking(false)}
          fields={
            <label>
              {t('onlyType')}
              <input list="types" value={type} onInput={({ currentTarget }) => setType(currentTarget.value.trim())} />
              <datalist id="types">
                {me.types.map((each) => (
                  <option key={each} value={each} />
                ))}
              </datalist>
            </label>
          }
        >
          <p>{t('pauseWill')}</p>
        </Dialog>
      )}
    </>
  );
}

function targetOf({ to, type }: PauseTarget): PauseTarget {
  return { ...(to !== undefined && { to }), ...(type !== undefined && { type }) };
}

function nameOf({ to, type }: PauseTarget): string {
  return [to && `to:${to}`, type && `type:${type}`].filter(Boolean).join(' ') || t('everything');
}
