import type { ComponentChildren, JSX } from 'preact';
import type { Delivery, DeliveryHistoryEntry, InboxRow, Whole } from '../src/page';
import { duration, State, Time } from './parts';
import { t } from './state';

interface Step {
  /** Undefined: it has not happened yet. */
  readonly at?: string;
  readonly text: ComponentChildren;
  readonly tone: 'done' | 'now' | 'bad' | 'person';
}

/** The rows that this consumer wrote. */
export function rowsOf(whole: Whole, consumer: string): InboxRow[] {
  return whole.halves.flatMap(({ rows }) => rows).filter((row) => row.consumer === consumer || consumer === '*');
}

/** A message's life in the order in which it happened, and what it waits for. */
function stepsOf(whole: Whole, delivery: Delivery): Step[] {
  const { recordedAt, sentAt, settledAt, verdict, reason } = delivery;
  const said = [verdict, reason?.code, reason?.message].filter(Boolean).join(': ');
  const happened: Step[] = [
    { at: recordedAt, text: t('t_recorded'), tone: 'done' },
    ...(sentAt === undefined ? [] : [{ at: sentAt, text: t('t_sent'), tone: 'done' as const }]),
    ...rowsOf(whole, delivery.consumer).map(({ receivedAt, consumer, verdict: decided }): Step => ({
      at: receivedAt,
      text: (
        <>
          {t('t_handled')} ({consumer}: <b>{decided}</b>)
        </>
      ),
      tone: decided === 'accepted' ? 'done' : 'bad',
    })),
    ...whole.history.filter(({ consumer }) => consumer === delivery.consumer).map(unusual),
    ...(settledAt === undefined
      ? []
      : [
          {
            at: settledAt,
            text: (
              <>
                {verdict !== undefined && `${t('t_verdict')} ${said} → `}
                {t('t_settled')} <State name={delivery.state} />
              </>
            ),
            tone: verdict === 'rejected' || delivery.state === 'discarded' ? ('bad' as const) : ('done' as const),
          },
        ]),
  ];
  const inOrder = happened.sort((one, other) => Date.parse(one.at!) - Date.parse(other.at!));
  return settledAt === undefined ? [...inOrder, waiting(delivery, said)] : inOrder;
}

/** What failed, was put off, or was done by somebody; what happened many times in a row is one step. */
function unusual({ what, at, since, times, attempt, code, why, by }: DeliveryHistoryEntry): Step {
  return {
    at,
    text: (
      <>
        <b>{t(`h_${what}`)}</b>
        {by !== undefined && ` · ${t('byPerson')} ${by}`}
        {why !== undefined && `: ${why}`}
        {why === undefined && code !== undefined && ` (${code})`}
        {(times > 1 || attempt !== undefined) && (
          <span class="soft">
            {attempt !== undefined && ` · ${t('attempt')} ${attempt}`}
            {times > 1 && (
              <>
                {` · ${times} × ${t('since')} `}
                <Time at={since} />
              </>
            )}
          </span>
        )}
      </>
    ),
    tone: by === undefined ? 'bad' : 'person',
  };
}

const WAITS = { parked: 't_parked', cancelling: 't_cancelling', sent: 't_waiting' } as const;

function waiting({ state, verdict, attempts, nextAt }: Delivery, said: string): Step {
  const key = WAITS[state as keyof typeof WAITS] ?? 't_due';
  return {
    text: (
      <>
        <State name={state} /> {t(key)}
        {verdict !== undefined && ` (${t('t_verdict')} ${said})`} · {attempts} {t('attempts')}
        {nextAt !== undefined && (
          <>
            {' · '}
            {t('t_due')} <Time at={nextAt} />
          </>
        )}
      </>
    ),
    tone: state === 'parked' ? 'bad' : 'now',
  };
}

export function Timeline({ whole, delivery }: { whole: Whole; delivery: Delivery }): JSX.Element {
  const began = Date.parse(delivery.recordedAt);
  return (
    <ol class="timeline" aria-label={t('timeline')}>
      {stepsOf(whole, delivery).map(({ at, text, tone }, index) => (
        <li key={index} class={tone}>
          <span class="soft">
            {at === undefined ? (
              '…'
            ) : (
              <>
                <Time at={at} /> +{duration(Math.max(0, Date.parse(at) - began))}
              </>
            )}
          </span>{' '}
          {text}
        </li>
      ))}
    </ol>
  );
}
