import type { JSX } from 'preact';
import type { AuditRecord, BulkJob } from '../src/page';
import { useAnswer } from './api';
import { Answer, Empty, Table, Time } from './parts';
import { t, to } from './state';

const PAGE = 50;
const RETRY = `await operations.retry(id, { by: 'ada@example.com', reason: 'the receiver is fixed' });`;

export function OperationsPage({ params: { after } }: { params: Readonly<Record<string, string>> }): JSX.Element {
  const asked = useAnswer<AuditRecord[]>('audit', { after });
  const jobs = useAnswer<BulkJob[]>('jobs');
  const again = (): void => {
    asked.again();
    jobs.again();
  };
  return (
    <>
      <h2>{t('operations')}</h2>
      <button type="button" onClick={again}>
        {t('refresh')}
      </button>
      <Answer of={jobs}>{(known) => known.length > 0 && <Jobs of={known} />}</Answer>
      <h3>{t('audit')}</h3>
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

/** What somebody does to everything that a filter means, and how far it is. */
function Jobs({ of }: { of: readonly BulkJob[] }): JSX.Element {
  return (
    <>
      <h3>{t('jobs')}</h3>
      <Table
        label={t('jobs')}
        head={[
          t('when'),
          t('who'),
          t('what'),
          t('state'),
          t('changed'),
          t('refused'),
          t('matching'),
          t('of'),
          t('reason'),
        ]}
      >
        {of.map(({ id, startedAt, by, verb, state, changed, refused, matching, filter, reason }) => (
          <tr key={id} title={id}>
            <td>
              <Time at={startedAt} />
            </td>
            <td>{by}</td>
            <td>{verb}</td>
            <td>{state}</td>
            <td class="n">{changed}</td>
            <td class="n">{refused}</td>
            <td class="n">{matching}</td>
            <td>
              <a href={to('messages', { filter })}>{filter}</a>
            </td>
            <td>{reason}</td>
          </tr>
        ))}
      </Table>
      <p class="soft">{t('jobsHint')}</p>
    </>
  );
}
