import type { JSX } from 'preact';
import type { Machinery } from '../src/page';
import { useAnswer, useLive } from './api';
import { Pauses, Receivers } from './overview';
import { Answer, duration, Empty, Problem, Table } from './parts';
import { t } from './state';

const HANDLER = `@MessageHandler(OrderRequested)
async order(message: OrderRequested): Promise<void> {}`;
const FOLLOW_UP = `@Compensate(OrderRequested)
async refund(message: OrderRequested): Promise<void> {}`;

export function MachineryPage(): JSX.Element {
  const asked = useAnswer<Machinery>('machinery');
  const { sample, away } = useLive();
  return (
    <>
      <h2>{t('machinery')}</h2>
      {away && <Problem text={t('away')} />}
      {sample && <Pauses of={sample.paused} />}
      <Answer of={asked}>{(known) => <Parts known={known} again={asked.again} />}</Answer>
      <h3>{t('receivers')}</h3>
      {sample && <Receivers sample={sample} otherwise={<Empty says={t('noReceivers')} />} />}
    </>
  );
}

function Parts({ known, again }: { known: Machinery; again(): void }): JSX.Element {
  const { transport, claimOverdueMs, refused, returned, handlers, followUps } = known;
  return (
    <>
      <dl>
        <dt>{t('transport')}</dt>
        <dd class={transport.ready ? '' : 'bad'}>
          {transport.name}: {t(transport.ready ? 'ready' : 'notReady')}
        </dd>
        <dt>{t('relay')}</dt>
        <dd class={claimOverdueMs === 0 ? '' : 'bad'}>
          {claimOverdueMs === 0 ? t('relayFine') : `${t('relayOverdue')} ${duration(claimOverdueMs)}`}
        </dd>
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
