import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Delivery, Me } from '../src/page';
import { Actions, BulkActions } from './actions';
import { useAnswer } from './api';
import { FilterBox } from './filter-box';
import { Answer, counted, Empty, MessageLink, State, Table, Time } from './parts';
import { t, to } from './state';

const PAGE = 50;

const keyOf = ({ messageId, consumer }: Delivery): string => `${messageId} ${consumer}`;

export function MessagesPage({ me, params }: { me: Me; params: Readonly<Record<string, string>> }): JSX.Element {
  const { filter = '', after, to: consumer } = params;
  const list = useAnswer<Delivery[]>('deliveries', { filter, after, to: consumer });
  const count = useAnswer<number>('count', { filter });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setChosen(new Set()), [filter, after, consumer]);
  const again = (): void => {
    list.again();
    count.again();
  };
  return (
    <>
      <h2>{t('messages')}</h2>
      <FilterBox
        me={me}
        filter={filter}
        onSearch={(next) => {
          if (next === filter && after === undefined) again();
          else location.hash = to('messages', { filter: next });
        }}
      />
      <p class="soft" role="status">
        {count.value !== undefined && `${counted(count.value)} ${t('found')}`}
        {chosen.size > 0 && ` · ${chosen.size} ${t('selected')}`}
      </p>
      <Answer of={list}>
        {(rows) => (
          <>
            <Actions me={me} deliveries={rows.filter((row) => chosen.has(keyOf(row)))} onDone={again} />
            <BulkActions me={me} filter={filter} found={count.value ?? 0} examples={rows} />
            {rows.length === 0 ? <Nothing /> : <Rows rows={rows} chosen={chosen} onChoose={setChosen} />}
            {rows.length === PAGE && (
              <a
                class="button"
                href={to('messages', { filter, after: rows.at(-1)!.messageId, to: rows.at(-1)!.consumer })}
              >
                {t('next')}
              </a>
            )}
          </>
        )}
      </Answer>
    </>
  );
}

function Rows({
  rows,
  chosen,
  onChoose,
}: {
  rows: readonly Delivery[];
  chosen: ReadonlySet<string>;
  onChoose(chosen: ReadonlySet<string>): void;
}): JSX.Element {
  const all = rows.every((row) => chosen.has(keyOf(row)));
  const everything = (
    <input
      type="checkbox"
      aria-label={t('selectAll')}
      checked={all}
      onChange={() => onChoose(new Set(all ? [] : rows.map(keyOf)))}
    />
  );
  const toggle = (key: string): void => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    onChoose(next);
  };
  return (
    <Table
      label={t('messages')}
      head={[everything, t('id'), t('state'), t('type'), t('consumer'), t('tries'), t('when'), t('lastError')]}
    >
      {rows.map((row) => (
        <tr key={keyOf(row)}>
          <td>
            <input
              type="checkbox"
              aria-label={`${t('select')} ${row.messageId} ${row.consumer}`}
              checked={chosen.has(keyOf(row))}
              onChange={() => toggle(keyOf(row))}
            />
          </td>
          <td>
            <MessageLink id={row.messageId} />
          </td>
          <td>
            <State name={row.state} />
          </td>
          <td>{row.type}</td>
          <td>{row.consumer}</td>
          <td class="n">{row.attempts}</td>
          <td>
            <Time at={row.recordedAt} />
          </td>
          <td class="error">{row.lastError ?? row.reason?.code}</td>
        </tr>
      ))}
    </Table>
  );
}

function Nothing(): JSX.Element {
  return (
    <Empty says={t('none')} hint={t('noneHint')}>
      <ul>
        {(
          [
            ['waitsForYou', 'state:parked'],
            ['stillOpen', 'state:open'],
            ['today', 'newer:1d'],
          ] as const
        ).map(([key, filter]) => (
          <li key={filter}>
            <a href={to('messages', { filter })}>
              <code>{filter}</code>
            </a>{' '}
            {t(key)}
          </li>
        ))}
      </ul>
    </Empty>
  );
}
