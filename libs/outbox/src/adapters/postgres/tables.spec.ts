import fc from 'fast-check';
import { InvalidOptionsError } from '../../errors';
import { createStatements, outboxSchemaSql } from './schema';
import { tables } from './tables';

const allowed = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,48}$/);

describe('tables', () => {
  it('are quoted and, with a schema, qualified', () => {
    expect(tables().message).toBe('"outbox_message"');
    expect(tables({ schema: 'Shop', prefix: 'billing_' }).inbox).toBe('"Shop"."billing_inbox_message"');
  });

  it('refuse every name that is not on the allow-list', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          allowed,
          fc.constantFrom('', 'a"b', "a'b", 'a;b', 'a--', '1a', 'é', 'a\n', 'a'.repeat(50)),
        ),
        (name) => {
          const fine = name.length <= 49 && [...name].every((char) => /\w/.test(char)) && /^\D/.test(name);
          for (const options of [{ schema: name }, { prefix: name }]) {
            if (fine) expect(tables(options).message).toContain(name);
            else expect(() => outboxSchemaSql(options)).toThrow(InvalidOptionsError);
          }
        },
      ),
    );
  });

  it('refuse what is no text', () => {
    for (const name of [1, null, {}, ['a']])
      expect(() => tables({ prefix: name as never })).toThrow(InvalidOptionsError);
  });

  it('name both options in one error', () => {
    expect(() => tables({ schema: 'a b', prefix: 'c-d' })).toThrow(/schema "a b"[\s\S]*prefix "c-d"/);
  });

  it('never exceed what PostgreSQL keeps of a name, and never meet', () => {
    fc.assert(
      fc.property(allowed, (prefix) => {
        const t = tables({ prefix });
        const quoted = createStatements(t)
          .join('\n')
          .match(/(?<=(?:constraint|table if not exists|index if not exists|create or replace function) ")[^"]+/g)!;
        expect(quoted.every((name) => name.length <= 63)).toBe(true);
        expect(new Set(quoted).size).toBe(quoted.length);
      }),
    );
  });
});
