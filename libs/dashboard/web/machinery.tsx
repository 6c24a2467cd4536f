import type { JSX } from 'preact';
import type { Machinery, Me, OutboxWindow, Sample } from '../src/page';
import { useAnswer, useLive } from './api';
import { Answer, duration, Empty, Problem, Table } from './parts';
import { PauseButton, Pauses } from './pauses';
import { t, to } from './state';

const HANDLER = `@MessageHandler(OrderRequested)
async order(message: OrderRequested): Promise<void> {}`;
const FOLLOW_UP = `@Compensate(OrderRequested)
async refund(message: OrderRequested): Promise<void> {}`;

export function MachineryPage({ me }: { me: Me }): JSX.Element {
  const asked = useAnswer<Machinery>('machinery');
  const { sample, window, away } = useLive();
  const quarantined = asked.value?.quarantined ?? {};
  return (
    <>
      <h2>{t('machinery')}</h2>
      {away && <Problem text={t('away')} />}
      {sample && <Pauses of={sample.paused} me={me} />}
      <h3>{t('consumers')}</h3>
      {me.may === 'operate' && (
        <div class="actions">
          <PauseButton me={me} />
        </div>
      )}
      {sample && window ? (
        <Consumers me={me} sample={sample} window={window} quarantined={quarantined} />
      ) : (
        !away && <p class="soft">{t('loading')}</p>
      )}
      <h3>{t('relay')}</h3>
      <Answer of={asked}>
        {(known) => <Parts known={known} own={quarantined[me.service]} window={window} again={asked.again} />}
      </Answer>
    </>
  );
}

/** Whom something was for lately, is on its way, or is held back. */
function consumersOf(me: Me, { open, settled, paused }: Sample, { inUse }: OutboxWindow): string[] {
  const names = [...open, ...settled, ...paused].flatMap(({ to: consumer }) => consumer ?? []);
  return [...new Set([...me.consumers, ...names, ...Object.keys(inUse)])].sort();
}

function Consumers({
  me,
  sample,
  window,
  quarantined,
}: {
  me: Me;
  sample: Sample;
  window: OutboxWindow;
  quarantined: Machinery['quarantined'];
}): JSX.Element {
  const names = consumersOf(me, sample, window);
  if (names.length === 0) return <Empty says={t('noConsumers')} />;
  return (
    <Table
      label={t('consumers')}
      head={[t('consumer'), t('sending'), t('inFlight'), t('open'), t('parked'), t('lag'), t('quarantined'), '']}
    >
      {names.map((name) => {
        const rows = sample.open.filter(({ to: consumer }) => consumer === name);
        const count = (parked: boolean): number =>
          rows.filter(({ state }) => (state === 'parked') === parked).reduce((sum, row) => sum + row.count, 0);
        const lagMs = Math.max(0, ...rows.map(({ oldestDueMs }) => oldestDueMs));
        const paused = sample.paused.find(({ to: consumer = name, type }) => consumer === name && type === undefined);
        return (
          <tr key={name}>
            <td>
              <a href={to('messages', { filter: `to:${name} state:open` })}>{name}</a>
            </td>
            <td class={paused ? 'bad' : ''}>{t(paused ? 'isPaused' : 'goesOn')}</td>
            <td class="n">
              {window.inUse[name] ?? 0} / {window.share}
            </td>
            <td class="n">{count(false)}</td>
            <td class="n">{count(true)}</td>
            <td class="n">{duration(lagMs)}</td>
            <td class={quarantined[name] ? 'n bad' : 'n'}>{quarantined[name] ?? '–'}</td>
            <td>{me.may === 'operate' && !paused && <PauseButton me={me} to={name} />}</td>
          </tr>
        );
      })}
    </Table>
  );
}

/** A claim that is under way takes milliseconds. */
const WORTH_A_LOOK_MS = 1_000;

function Parts({
  known,
  own,
  window,
  again,
}: {
  known: Machinery;
  /** What this service has put aside. */
  own: number | undefined;
  window: OutboxWindow | undefined;
  again(): void;
}): JSX.Element {
  const { transport, claimOverdueMs, refused, returned, handlers, followUps } = known;
  return (
    <>
      <dl>
        <dt>{t('transport')}</dt>
        <dd class={transport.ready ? '' : 'bad'}>
          {transport.name}: {t(transport.ready ? 'ready' : 'notReady')}
        </dd>
        <dt>{t('relay')}</dt>
        <dd class={claimOverdueMs < WORTH_A_LOOK_MS ? '' : 'bad'}>
          {claimOverdueMs < WORTH_A_LOOK_MS ? t('relayFine') : `${t('relayOverdue')} ${duration(claimOverdueMs)}`}
        </dd>
        {window && (
          <>
            <dt>{t('inFlightAll')}</dt>
            <dd>
              {Object.values(window.inUse).reduce((sum, held) => sum + held, 0)} / {window.size}
            </dd>
          </>
        )}
        <dt>{t('quarantinedHere')}</dt>
        <dd class={own ? 'bad' : ''}>{own ?? '–'}</dd>
        <dt>{t('refusedCount')}</dt>
        <dd class={refused === 0 ? '' : 'bad'}>{refused}</dd>
        <dt>{t('returnedCount')}</dt>
        <dd>{returned}</dd>
      </dl>
      <button type="button" onClick={again}>
        {t('refresh')}
      </button>
      <h3>{t('handlers')}</h3>
      {handlers.length === 0 ? (
        <Empty says={t('handlersEmpty')} code={HANDLER} />
      ) : (
        <Table label={t('handlers')} head={[t('type'), t('handlers')]}>
          {handlers.map(({ type, handler }) => (
            <tr key={type}>
              <td>{type}</td>
              <td>
                <code>{handler}</code>
              </td>
            </tr>
          ))}
        </Table>
      )}
      <h3>{t('followUps')}</h3>
      {followUps.length === 0 ? (
        <Empty says={t('followUpsEmpty')} code={FOLLOW_UP} />
      ) : (
        <Table label={t('followUps')} head={[t('type'), t('verdict'), t('followUps')]}>
          {followUps.map(({ type, verdict, handler }) => (
            <tr key={type + verdict}>
              <td>{type}</td>
              <td>{verdict}</td>
              <td>
                <code>{handler}</code>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}
