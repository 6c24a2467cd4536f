import { tables } from '../tables';
import { inboxSql } from './inbox';
import { outboxSql } from './outbox';

describe('The statements', () => {
  const t = tables({});
  const all = Object.entries({ ...outboxSql(t), ...inboxSql(t) }).map(([name, { text }]) => [name, text] as const);

  // In `select id::text as id … order by id` it is the text that is ordered: 9 comes after 10.
  it.each(all)('order by columns, and not by what they are shown as: %s', (_, text) => {
    const shown = new Set([...text.matchAll(/\b(\w+)\S* as "?\1\b/g)].map(([, column]) => column));
    const ordered = [...text.matchAll(/order by ([\w., ]+)/g)].flatMap(([, terms]) => terms!.split(','));
    const ambiguous = ordered.map((term) => term.trim().split(' ')[0]!).filter((name) => shown.has(name));
    expect(ambiguous).toEqual([]);
  });
});
