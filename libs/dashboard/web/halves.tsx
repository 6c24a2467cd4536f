import type { JSX } from 'preact';
import type { Delivery, Me, Whole } from '../src/page';
import { Empty, Json, Problem, State, Time } from './parts';
import { t } from './state';
import { rowsOf } from './timeline';

/** What the consumer itself says of the message, where somebody told where its inbox is. */
export function Halves({
  me,
  whole,
  delivery: { consumer },
}: {
  me: Me;
  whole: Whole;
  delivery: Delivery;
}): JSX.Element {
  const rows = rowsOf(whole, consumer);
  const lastDeferral = whole.history.filter((entry) => entry.consumer === consumer && entry.what === 'deferred').at(-1);
  const problems = whole.halves.filter(({ inbox, problem }) => inbox === consumer && problem !== undefined);
  return (
    <div>
      <h4>
        {t('consumerHalf')}: {consumer}
      </h4>
      {rows.map((row) => (
        <div key={row.consumer + row.source} class="half">
          <p>
            <State name={row.verdict} /> <Time at={row.receivedAt} /> {row.consumer}
            {row.reason && ` · ${row.reason.code}${row.reason.message === undefined ? '' : `: ${row.reason.message}`}`}
          </p>
          {row.result !== null && <Json label={t('result')} value={row.result} />}
        </div>
      ))}
      {problems.map(({ problem }) => (
        <Problem key={problem} text={problem!} />
      ))}
      {rows.length === 0 && lastDeferral && (
        <p>
          <Time at={lastDeferral.at} /> <b>{t('h_deferred')}</b>: {lastDeferral.why}
        </p>
      )}
      {rows.length === 0 && problems.length === 0 && (
        <NoRow known={me.inboxes.includes(consumer) || consumer === '*'} consumer={consumer} />
      )}
    </div>
  );
}

function NoRow({ known, consumer }: { known: boolean; consumer: string }): JSX.Element {
  if (known) return <Empty says={t('noHalf')} />;
  return (
    <Empty
      says={t('unknownHalf')}
      code={`OutboxDashboardModule.forRoot({\n  inboxes: { '${consumer}': 'postgres://…' },\n})`}
    />
  );
}
