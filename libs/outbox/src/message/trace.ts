import { headerValueProblem } from './fields';

/** Where a message comes from, for tracing: the two headers of W3C Trace Context, as they are. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

export const TRACEPARENT = 'traceparent';
const TRACESTATE = 'tracestate';
/** CloudEvents' twins of them. Tracing agents overwrite the plain ones with the span of their own publish. */
const CE_TRACEPARENT = 'cloudEvents_traceparent';
const CE_TRACESTATE = 'cloudEvents_tracestate';

/** What is recorded with a message. */
export function traceOf(headers: Readonly<Record<string, unknown>>): TraceContext | undefined {
  return contextOf(headers[TRACEPARENT], headers[TRACESTATE]);
}

/** What came with an envelope: in the words of whoever recorded it, if they are there. */
export function readTrace(headers: Readonly<Record<string, unknown>>): TraceContext | undefined {
  return contextOf(headers[CE_TRACEPARENT], headers[CE_TRACESTATE]) ?? traceOf(headers);
}

/** Adds both to what is sent. */
export function writeTrace(headers: Record<string, string | number>, trace: TraceContext | undefined): void {
  if (!trace) return;
  headers[TRACEPARENT] = headers[CE_TRACEPARENT] = trace.traceparent;
  if (trace.tracestate !== undefined) headers[TRACESTATE] = headers[CE_TRACESTATE] = trace.tracestate;
}

function contextOf(traceparent: unknown, tracestate: unknown): TraceContext | undefined {
  if (!isText(traceparent)) return undefined;
  return isText(tracestate) ? { traceparent, tracestate } : { traceparent };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && headerValueProblem(value) === undefined;
}
