import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Delivery, Me, Whole } from '../src/page';
import { Actions } from './actions';
import { type Asked, useAnswer } from './api';
import { Halves } from './halves';
import { Answer, Json, MessageLink, Problem, Time } from './parts';
import { t } from './state';
import { Timeline } from './timeline';

/** Nothing happens any more by itself. */
const AT_REST = ['completed', 'compensated', 'delivered', 'discarded', 'parked'];
const LOOK_EVERY_MS = 1_000;
/** What takes longer is looked at again by whoever waits for it. */
const LOOKS = 30;

/** After an action: what became of it, not only that it was taken. Ends when nothing happens any more, or nobody sees it. */
function useFollowing(asked: Asked<Whole>): () => void {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (left === 0 || asked.value === undefined) return;
    if (left < LOOKS && asked.value.deliveries.every(({ state }) => AT_REST.includes(state))) return;
    const timer = setTimeout(() => {
      setLeft(left - 1);
      if (!document.hidden) asked.again();
    }, LOOK_EVERY_MS);
    return () => clearTimeout(timer);
  }, [left, asked.value]);
  return () => {
    setLeft(LOOKS);
    asked.again();
  };
}

export function MessagePage({ me, id }: { me: Me; id: string }): JSX.Element {
  const asked = useAnswer<Whole>('message', { id });
  const follow = useFollowing(asked);
  return (
    <>
      <h2>
        {t('message')} <code class="id">{id}</code>
      </h2>
      <button type="button" onClick={asked.again}>
        {t('refresh')}
      </button>
      <Answer of={asked}>
        {(whole) => (
          <>
            {whole.deliveries.map((delivery) => (
              <Side key={delivery.consumer} me={me} whole={whole} delivery={delivery} onDone={follow} />
            ))}
            <Relations whole={whole} />
            <h3>{t('payload')}</h3>
            {whole.payload === undefined ? (
              <p class="soft">{t('hidden')}</p>
            ) : (
              <Json label={t('payload')} value={whole.payload} />
            )}
            <h3>{t('headers')}</h3>
            <Json label={t('headers')} value={whole.headers} />
          </>
        )}
      </Answer>
    </>
  );
}

function Side({
  me,
  whole,
  delivery,
  onDone,
}: {
  me: Me;
  whole: Whole;
  delivery: Delivery;
  onDone(): void;
}): JSX.Element {
  const { type, consumer, key, lastError, code } = delivery;
  return (
    <section class="delivery" aria-label={`${type} → ${consumer}`}>
      <h3>
        {type} → {consumer} {key !== undefined && <code>{key}</code>}
      </h3>
      <p class="soft">
        {t('followUp')}: {delivery.followUp}
        {delivery.deadlineAt !== undefined && (
          <>
            {' · '}
            {t('deadlineAt')}: <Time at={delivery.deadlineAt} />
          </>
        )}
      </p>
      <Actions me={me} deliveries={[delivery]} onDone={onDone} />
      {lastError !== undefined && delivery.state !== 'completed' && (
        <Problem text={lastError.startsWith(code ?? '') ? lastError : `${code}: ${lastError}`} />
      )}
      <div class="halves">
        <div>
          <h4>
            {t('producerHalf')}: {whole.source}
          </h4>
          <Timeline whole={whole} delivery={delivery} />
        </div>
        <Halves me={me} whole={whole} delivery={delivery} />
      </div>
    </section>
  );
}

function Relations({ whole: { causedBy, caused } }: { whole: Whole }): JSX.Element | null {
  if (causedBy === undefined && caused.length === 0) return null;
  return (
    <ul>
      {causedBy !== undefined && (
        <li>
          {t('causedBy')} <MessageLink id={causedBy} />
        </li>
      )}
      {caused.map(({ id, type }) => (
        <li key={id}>
          {t('caused')} {type} <MessageLink id={id} />
        </li>
      ))}
    </ul>
  );
}
