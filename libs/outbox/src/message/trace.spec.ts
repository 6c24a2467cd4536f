import fc from 'fast-check';
import { readTrace, traceOf, writeTrace } from './trace';

const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const AGENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-aaaaaaaaaaaaaaaa-01';

describe('the trace of a message', () => {
  it('travels twice, and comes back as it was recorded, whatever an agent has written over it', () => {
    const headers: Record<string, string | number> = { tenant: 'acme' };
    writeTrace(headers, { traceparent: PARENT, tracestate: 'vendor=1' });
    expect(headers).toEqual({
      tenant: 'acme',
      traceparent: PARENT,
      tracestate: 'vendor=1',
      cloudEvents_traceparent: PARENT,
      cloudEvents_tracestate: 'vendor=1',
    });
    expect(readTrace({ ...headers, traceparent: AGENT, tracestate: 'agent=1' })).toEqual({
      traceparent: PARENT,
      tracestate: 'vendor=1',
    });
  });

  it('is that of the plain headers where nothing else is there, and none where there is none', () => {
    expect(readTrace({ traceparent: AGENT })).toEqual({ traceparent: AGENT });
    expect(readTrace({ tracestate: 'vendor=1' })).toBeUndefined();
    expect(traceOf({})).toBeUndefined();
    const headers = {};
    writeTrace(headers, undefined);
    expect(headers).toEqual({});
  });

  it('is text, whatever a stranger sends under these names', () => {
    const names = ['traceparent', 'tracestate', 'cloudEvents_traceparent', 'cloudEvents_tracestate'];
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.anything()), (headers) => {
        for (const value of Object.values(readTrace(headers) ?? {})) expect(typeof value).toBe('string');
      }),
    );
  });
});
