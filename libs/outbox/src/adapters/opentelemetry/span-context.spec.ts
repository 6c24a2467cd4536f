import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { childOf, headersOf, spanContextOf } from './span-context';

describe('a span as headers', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('comes back the same, with its vendors’ state', () => {
    const found = spanContextOf({ traceparent, tracestate: 'vendor=1,other=2' })!;
    expect(found).toMatchObject({ isRemote: true, traceFlags: 1 });
    expect(headersOf(trace.wrapSpanContext(found))).toEqual({ traceparent, tracestate: 'vendor=1,other=2' });
    expect(trace.getSpanContext(childOf(found))).toBe(found);
  });

  it.each([
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01',
    '00-4bf92f35-00f067aa0ba902b7-01',
    'b3: 1',
    '',
  ])('is none if it reads %j', (broken) => {
    expect(spanContextOf({ traceparent: broken })).toBeUndefined();
    expect(childOf(spanContextOf({ traceparent: broken }))).toBe(ROOT_CONTEXT);
  });

  it('keeps nothing of flags that it does not know, and reads what a later version adds', () => {
    expect(spanContextOf({ traceparent: traceparent.replace(/01$/, 'ff') })!.traceFlags).toBe(1);
    expect(spanContextOf({ traceparent: `${traceparent.replace(/^00/, '01')}-more` })).toBeDefined();
  });
});
