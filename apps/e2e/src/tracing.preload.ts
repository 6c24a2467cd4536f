import { appendFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type HrTime, SpanStatusCode } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { NodeTracerProvider, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

/** One line of the file that TRACE_FILE names. */
export interface WrittenSpan {
  readonly service: string;
  readonly pid: number;
  readonly scope: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
  readonly began: HrTime;
}

function written(span: ReadableSpan): WrittenSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    service: basename(resolve(process.argv[1]!, '../..')),
    pid: process.pid,
    scope: span.instrumentationScope.name,
    name: span.name,
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId,
    attributes: span.attributes,
    failed: span.status.code === SpanStatusCode.ERROR,
    began: span.startTime,
  };
}

/**
 * Given to a service with --require, as one would start any instrumented service. Every span is on disk when it has ended:
 * what a process has written before it is killed, stays.
 */
const file = process.env.TRACE_FILE;
if (file !== undefined) {
  const exporter = {
    export: (spans: ReadableSpan[], done: (result: { code: number }) => void): void => {
      appendFileSync(file, spans.map((span) => `${JSON.stringify(written(span))}\n`).join(''));
      done({ code: 0 });
    },
    shutdown: async (): Promise<void> => {},
  };
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  registerInstrumentations({
    instrumentations: [new HttpInstrumentation(), new AmqplibInstrumentation(), new PgInstrumentation()],
  });
}
