import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { AuditRecord, BulkJob, Me } from '../src/page';
import { resumeJob, stopJob, useAnswer, useLive } from './api';
import { Answer, counted, Empty, Problem, Table, Time } from './parts';
import { t, to } from './state';

const PAGE = 50;
const RETRY = `await operations.retry(id, { by: 'ada@example.com', reason: 'the consumer is fixed' });`;

export function OperationsPage({
  me,
  params: { after },
}: {
  me: Me;
  params: Readonly<Record<string, string>>;
}): JSX.Element {
  const asked = useAnswer<AuditRecord[]>('audit', { after });
  const jobs = useAnswer<BulkJob[]>('jobs');
  const { sample } = useLive();
  const running = sample?.running.map(({ id }) => id).join();
  const again = (): void => {
    asked.again();
    jobs.again();
  };
  // One that began or ended is told of by the stream: nobody needs to ask in between.
  useEffect(() => {
    if (running !== undefined) again();
  }, [running]);
  return (
    <>
      <h2>{t('operations')}</h2>
      <button type="button" onClick={again}>
        {t('refresh')}
      </button>
      <Answer of={jobs}>
        {(known) => known.length > 0 && <Jobs me={me} of={known.map(asOf(sample?.running))} onDone={again} />}
      </Answer>
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
                      {target === 'everything' ? target : <a href={to('messages', { filter: target })}>{target}</a>}
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

/** How far a job is by now. */
function asOf(running: readonly Pick<BulkJob, 'id' | 'changed' | 'refused'>[] = []): (job: BulkJob) => BulkJob {
  return (job) => ({ ...job, ...running.find(({ id }) => id === job.id) });
}

/** What somebody does to everything that a filter means, how far it is, and how it is stopped and gone on with. */
function Jobs({ me, of, onDone }: { me: Me; of: readonly BulkJob[]; onDone(): void }): JSX.Element {
  const [problem, setProblem] = useState<string>();
  const steer = (asked: Promise<unknown>): void => {
    setProblem(undefined);
    asked.catch((error: Error) => setProblem(error.message)).finally(onDone);
  };
  return (
    <>
      <h3>{t('jobs')}</h3>
      {problem !== undefined && <Problem text={problem} />}
      <Table
        label={t('jobs')}
        head={[
          t('when'),
          t('who'),
          t('what'),
          t('state'),
          t('progress'),
          t('changed'),
          t('refused'),
          t('of'),
          t('reason'),
        ]}
      >
        {of.map((job) => (
          <tr key={job.id} title={job.id}>
            <td>
              <Time at={job.startedAt} />
            </td>
            <td>{job.by}</td>
            <td>{job.verb}</td>
            <td>
              {job.state} {me.may === 'operate' && <Steer job={job} steer={steer} />}
            </td>
            <td>
              <Progress job={job} />
            </td>
            <td class="n">{job.changed}</td>
            <td class="n">{job.refused}</td>
            <td>
              <a href={to('messages', { filter: job.filter })}>{job.filter}</a>
            </td>
            <td>{job.reason}</td>
          </tr>
        ))}
      </Table>
      <p class="soft">{t('jobsHint')}</p>
    </>
  );
}

/** The one button that a job of this state has. */
function Steer({ job: { id, state, verb }, steer }: { job: BulkJob; steer(asked: Promise<unknown>): void }) {
  if (state === 'done') return null;
  const [key, ask] = state === 'running' ? (['stop', stopJob] as const) : (['goOn', resumeJob] as const);
  return (
    <button type="button" aria-label={`${t(key)}: ${t(verb)}`} onClick={() => steer(ask(id))}>
      {t(key)}
    </button>
  );
}

/** What it came to, of what matched when it began. What is neither changed nor refused needed nothing. */
function Progress({ job: { changed, refused, matching, state } }: { job: BulkJob }): JSX.Element {
  const come = state === 'done' ? matching : Math.min(matching, changed + refused);
  return (
    <>
      <progress aria-label={t('progress')} value={come} max={Math.max(1, matching)} /> {t('ofMatching')}{' '}
      {counted(matching, 0)}
    </>
  );
}
