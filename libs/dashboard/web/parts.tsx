import type { ComponentChildren, JSX } from 'preact';
import { language, t, to } from './state';

export function State({ name }: { name: string }): JSX.Element {
  return <span class={`state s-${name}`}>{name}</span>;
}

export function Empty({
  says,
  hint,
  code,
  children,
}: {
  says: string;
  hint?: string;
  code?: string;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <p>{says}</p>
      {hint && <p class="soft">{hint}</p>}
      {code && (
        <pre tabIndex={0}>
          <code>{code}</code>
        </pre>
      )}
      {children}
    </div>
  );
}

export function Problem({ text }: { text: string }): JSX.Element {
  return (
    <p class="problem" role="alert">
      {text}
    </p>
  );
}

/** What is asked for: an answer, a problem, or neither yet. */
export function Answer<T>({
  of,
  children,
}: {
  of: { value?: T; problem?: string };
  children: (value: T) => ComponentChildren;
}): JSX.Element {
  if (of.problem !== undefined) return <Problem text={of.problem} />;
  if (of.value === undefined) return <p class="soft">{t('loading')}</p>;
  return <>{children(of.value)}</>;
}

export function Time({ at }: { at: string }): JSX.Element {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  const shown = today
    ? date.toLocaleTimeString(language())
    : date.toLocaleString(language(), { dateStyle: 'short', timeStyle: 'medium' });
  return (
    <time dateTime={at} title={at}>
      {shown}
    </time>
  );
}

/** The end tells ids of one time apart. */
export function MessageLink({ id }: { id: string }): JSX.Element {
  return (
    <a class="id" href={to('message', { id })} title={id}>
      {id.slice(0, 8)}…{id.slice(-6)}
    </a>
  );
}

export function Json({ value, label }: { value: unknown; label: string }): JSX.Element {
  return (
    <pre tabIndex={0} aria-label={label} role="region">
      <code>{JSON.stringify(value, null, 2)}</code>
    </pre>
  );
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  const minutes = seconds / 60;
  return minutes < 120 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}

const number = (value: number): string =>
  value.toLocaleString(language(), { maximumFractionDigits: value < 10 ? 1 : 0 });

/** Counting stops there: it stands for more. */
const CAP = 10_000;

/** @param of what was counted, if this is a part of it */
export function counted(count: number, of = count): string {
  return `${number(count)}${of >= CAP ? ` ${t('orMore')}` : ''}`;
}

export function Figure({
  label,
  value,
  unit,
  tone,
}: {
  label: string;
  value: number | string;
  unit?: string;
  tone?: string;
}): JSX.Element {
  return (
    <div class={`figure ${tone ?? ''}`}>
      <span class="soft">{label}</span>
      <b>{typeof value === 'number' ? number(value) : value}</b>
      {unit && <span class="soft">{unit}</span>}
    </div>
  );
}

const WIDE = 300;
const HIGH = 60;

/** One line over an hour. */
export function Spark({ label, values }: { label: string; values: readonly number[] }): JSX.Element {
  const most = Math.max(1, ...values);
  const step = WIDE / 59;
  const from = WIDE - step * (values.length - 1);
  const points = values.map(
    (value, at) => `${(from + at * step).toFixed(1)},${(HIGH - 2 - (value / most) * (HIGH - 4)).toFixed(1)}`,
  );
  return (
    <figure class="spark">
      <figcaption>
        {label} <b>{number(values.at(-1) ?? 0)}</b> <span class="soft">≤ {number(most)}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDE} ${HIGH}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label}: ${values.join(', ')}`}
      >
        <polyline points={points.join(' ')} />
      </svg>
    </figure>
  );
}

/** Wide tables scroll by themselves, with the keyboard too. */
export function Table({
  label,
  head,
  children,
}: {
  label: string;
  head: readonly ComponentChildren[];
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {head.map((each, at) => (
              <th key={at} scope="col">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
