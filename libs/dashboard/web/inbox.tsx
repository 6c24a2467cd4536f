import type { JSX } from 'preact';
import type { Half, Me } from '../src/page';
import { useAnswer } from './api';
import { Answer, Empty, MessageLink, Problem, State, Table, Time } from './parts';
import { t, to } from './state';

const PAGE = 50;

const HANDLE = `@MessageHandler(OrderRequested)
async order({ sku }: OrderRequested): Promise<void> {
  await this.orders.create(sku); // in the transaction of the inbox row
}`;

export function InboxPage({ me, params }: { me: Me; params: Readonly<Record<string, string>> }): JSX.Element {
  const { of = '', verdict = '', before } = params;
  const asked = useAnswer<Half>('inbox', { of, verdict, before });
  const choose = (more: Record<string, string>): void => void (location.hash = to('inbox', { of, verdict, ...more }));
  return (
    <>
      <h2>{t('inbox')}</h2>
      <div class="filter">
        <label>
          {t('inbox')}{' '}
          <select value={of} onChange={({ currentTarget }) => choose({ of: currentTarget.value })}>
            {me.inboxes.map((name) => (
              <option key={name} value={name}>
                {name === '' ? t('thisDatabase') : name}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t('verdict')}{' '}
          <select value={verdict} onChange={({ currentTarget }) => choose({ verdict: currentTarget.value })}>
            <option value="">{t('any')}</option>
            <option>accepted</option>
            <option>rejected</option>
          </select>
        </label>
        <button type="button" onClick={asked.again}>
          {t('refresh')}
        </button>
      </div>
      <Answer of={asked}>
        {({ rows, problem }) => (
          <>
            {problem !== undefined && <Problem text={problem} />}
            {rows.length === 0 ? (
              problem === undefined && <Empty says={t('inboxEmpty')} hint={t('inboxHint')} code={HANDLE} />
            ) : (
              <Table
                label={t('inbox')}
                head={[t('id'), t('verdict'), t('from'), t('consumer'), t('when'), t('reason')]}
              >
                {rows.map(({ messageId, verdict: decided, source, consumer, receivedAt, reason }) => (
                  <tr key={messageId + consumer + source}>
                    <td>
                      {source === me.service ? <MessageLink id={messageId} /> : <code class="id">{messageId}</code>}
                    </td>
                    <td>
                      <State name={decided} />
                    </td>
                    <td>{source}</td>
                    <td>{consumer}</td>
                    <td>
                      <Time at={receivedAt} />
                    </td>
                    <td>{reason && `${reason.code} ${reason.message ?? ''}`}</td>
                  </tr>
                ))}
              </Table>
            )}
            {rows.length === PAGE && (
              <a class="button" href={to('inbox', { of, verdict, before: rows.at(-1)!.receivedAt })}>
                {t('next')}
              </a>
            )}
          </>
        )}
      </Answer>
    </>
  );
}
