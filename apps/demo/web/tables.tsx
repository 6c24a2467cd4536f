import { Figure, State, Table } from '@tallystick/dashboard/web/parts';
import type { JSX } from 'preact';
import { money } from '../src/money';
import type { Picture, Row, Side, TableName } from '../src/page/page';
import { findingText } from '../src/texts';
import { all, words } from './words';

const TABLES: Readonly<Record<Side, readonly TableName[]>> = {
  user: ['users', 'purchases', 'outbox_delivery'],
  order: ['stock', 'orders', 'inbox_message'],
};

export function Counters({ picture: { counters } }: { picture: Picture }): JSX.Element {
  const says = words().counters;
  return (
    <div class="figures">
      {(['purchases', 'open', 'completed', 'refunded', 'orders', 'again'] as const).map((name) => (
        <Figure key={name} label={says[name]} value={counters[name]} />
      ))}
    </div>
  );
}

/** Green or red, and said in words too. */
export function Invariants({ picture: { invariants } }: { picture: Picture }): JSX.Element {
  const { invariants: title, invariantsHint, holds, broken } = words();
  return (
    <section aria-labelledby="invariants">
      <h2 id="invariants">{title}</h2>
      <ul class="invariants">
        {invariants.map((finding) => {
          const { claim, evidence } = findingText(finding, all());
          return (
            <li key={finding.claim} class={finding.holds ? 'good' : 'bad'}>
              <b>
                <span aria-hidden="true">{finding.holds ? '✓' : '✗'}</span> {claim}
              </b>{' '}
              <span class="verdict">{finding.holds ? holds : broken}</span>
              <br />
              <span class="soft">{evidence}</span>
            </li>
          );
        })}
      </ul>
      <p class="soft">{invariantsHint}</p>
    </section>
  );
}

export function Tables({ picture }: { picture: Picture }): JSX.Element {
  return (
    <section aria-labelledby="tables">
      <h2 id="tables">{words().tables}</h2>
      <div class="halves">
        {(['user', 'order'] as const).map((side) => (
          <div key={side}>
            <h3>{side}-service</h3>
            {TABLES[side].map((name) => (
              <Rows key={name} name={name} rows={picture.tables[name]} />
            ))}
          </div>
        ))}
      </div>
    </section>
  );
}

function Rows({ name, rows }: { name: TableName; rows: readonly Row[] }): JSX.Element {
  const columns = Object.keys(rows[0] ?? {});
  return (
    <>
      <h4>
        <code>{name}</code>
      </h4>
      {rows.length === 0 ? (
        <p class="soft">{words().noRows}</p>
      ) : (
        <Table label={name} head={columns}>
          {rows.map((row, at) => (
            <tr key={at}>
              {columns.map((column) => (
                <td key={column}>
                  <Cell column={column} value={row[column] ?? null} />
                </td>
              ))}
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}

function Cell({ column, value }: { column: string; value: string | number | null }): JSX.Element {
  if (value === null) return <>–</>;
  switch (column) {
    case 'id':
    case 'message_id':
      return (
        <span class="id" title={String(value)}>
          …{String(value).slice(-6)}
        </span>
      );
    case 'balance':
    case 'amount':
      return <>{money(Number(value))}</>;
    case 'state':
    case 'status':
    case 'verdict':
      return <State name={String(value)} />;
    default:
      return <>{value}</>;
  }
}
