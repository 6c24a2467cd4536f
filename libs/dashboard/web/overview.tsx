import type { JSX } from 'preact';
import type { Sample } from '../src/page';
import { useLive } from './api';
import { duration, Empty, Figure, Problem, Spark, State, Table } from './parts';
import { Pauses } from './pauses';
import { t, to } from './state';

const RECORD = `@Transactional()
async buy(sku: string): Promise<void> {
  await this.accounts.debit(1999);
  await this.outbox.add(OrderRequested, { sku });
}`;

export function OverviewPage(): JSX.Element {
  const { sample, hour, away } = useLive();
  return (
    <>
      <h2>
        {t('overview')} {sample && !away && <span class="live">{t('live')}</span>}
      </h2>
      {away && <Problem text={t('away')} />}
      {sample && <Pauses of={sample.paused} />}
      {sample ? <Figures sample={sample} /> : !away && <p class="soft">{t('loading')}</p>}
      {hour && (
        <section aria-label={t('lastHour')}>
          <h3>{t('lastHour')}</h3>
          <div class="figures wide">
            <Spark label={t('published')} values={hour.published} />
            <Spark label={t('answered')} values={hour.answered} />
          </div>
        </section>
      )}
    </>
  );
}

function Figures({ sample }: { sample: Sample }): JSX.Element {
  const count = (parked: boolean): number =>
    sample.open.filter(({ state }) => (state === 'parked') === parked).reduce((sum, { count }) => sum + count, 0);
  const oldest = Math.max(0, ...sample.open.map(({ oldestDueMs }) => oldestDueMs));
  const settled = sample.settled.reduce((sum, { perSecond }) => sum + perSecond, 0);
  const parked = count(true);
  return (
    <>
      <div class="figures">
        <Figure label={t('recorded')} value={sample.recorded} unit={t('perSecond')} />
        <Figure label={t('settled')} value={settled} unit={t('perSecond')} />
        <Figure label={t('open')} value={count(false)} />
        <Figure label={t('parked')} value={parked} tone={parked > 0 ? 'bad' : ''} />
        <Figure label={t('tookHalf')} value={sample.took ? duration(sample.took.p50Ms) : '–'} unit={t('lastMinute')} />
        <Figure label={t('tookMost')} value={sample.took ? duration(sample.took.p95Ms) : '–'} unit={t('lastMinute')} />
        <Figure label={t('oldestDue')} value={duration(oldest)} tone={oldest > 60_000 ? 'bad' : ''} />
      </div>
      {sample.capped && <p class="soft">{t('capped')}</p>}
      <h3>{t('consumers')}</h3>
      <Consumers sample={sample} otherwise={<Empty says={t('idle')} hint={t('idleHint')} code={RECORD} />} />
    </>
  );
}

/** Per consumer and state: what is open, and what is being settled. */
function Consumers({ sample, otherwise }: { sample: Sample; otherwise: JSX.Element }): JSX.Element {
  const rows = [
    ...sample.open.map((each) => ({ ...each, perSecond: undefined })),
    ...sample.settled.map((each) => ({ ...each, count: undefined, oldestDueMs: 0 })),
  ].sort((one, other) => one.to.localeCompare(other.to));
  if (rows.length === 0) return otherwise;
  return (
    <Table label={t('consumers')} head={[t('consumer'), t('state'), t('open'), t('perSecond'), t('oldestDue')]}>
      {rows.map(({ to: consumer, state, count, perSecond, oldestDueMs }) => (
        <tr key={consumer + state}>
          <td>{consumer}</td>
          <td>
            <a href={to('messages', { filter: `state:${state} to:${consumer}` })}>
              <State name={state} />
            </a>
          </td>
          <td class="n">{count}</td>
          <td class="n">{perSecond?.toFixed(1)}</td>
          <td class="n">{oldestDueMs > 0 && duration(oldestDueMs)}</td>
        </tr>
      ))}
    </Table>
  );
}
