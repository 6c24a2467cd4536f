import type { JSX } from 'preact';
import type { Audited } from '../src/page';
import { useAnswer } from './api';
import { Answer, Empty, Table, Time } from './parts';
import { t, to } from './state';

const PAGE = 50;
const RETRY = `await operations.retry(id, { by: 'ada@example.com', reason: 'the receiver is fixed' });`;

export function OperationsPage({ params: { after } }: { params: Readonly<Record<string, string>> }): JSX.Element {
  const asked = useAnswer<Audited[]>('audit', { after });
  return (
    <>
      <h2>{t('operations')}</h2>
      <button type="button" onClick={asked.again}>
        {t('refresh')}
      </button>
      <Answer of={asked}>
        {(entries) =>
          entries.length === 0 ? (
            <Empty says={t('auditEmpty')} hint={t('auditHint')} code={RETRY} />
          ) : (
            <>
              <Table
                label={t('operations')}
                head={[t('when'), t('who'), t('what'), t('changed'), t('of'), t('reason')]}
              >
                {entries.map(({ id, at, actor, verb, changed, target, reason }) => (
                  <tr key={id}>
                    <td>
                      <Time at={at} />
                    </td>
                    <td>{actor}</td>
                    <td>{verb}</td>
                    <td class="n">{changed}</td>
                    <td>
                      <a href={to('messages', { filter: target })}>{target}</a>
                    </td>
                    <td>{reason}</td>
                  </tr>
                ))}
              </Table>
              {entries.length === PAGE && (
                <a class="button" href={to('operations', { after: entries.at(-1)!.id })}>
                  {t('next')}
                </a>
              )}
            </>
          )
        }
      </Answer>
    </>
  );
}
