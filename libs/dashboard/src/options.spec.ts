import { resolveOptions } from './options';

describe('The options of the dashboard', () => {
  it('are all optional', () => {
    expect(resolveOptions({})).toMatchObject({ path: '/outbox', environment: 'test', redact: [], inboxes: {} });
  });

  it.each([
    [{ paht: '/x' }, /no option 'paht'/],
    [{ path: 'outbox' }, /must begin with a \//],
    [{ path: '/outbox/' }, /must begin with a \//],
    [{ authorize: 'read' }, /must be a function/],
    [{ redact: ['a..b'] }, /no path of a field/],
    [{ inboxes: { warehouse: 'redis://root:secret@db' } }, /'warehouse' must begin with postgres/],
  ])('refuse %j', (options, says) => {
    expect(() => resolveOptions(options as never)).toThrow(says);
    expect(() => resolveOptions(options as never)).not.toThrow(/secret/);
  });
});
