import { createRequire } from 'node:module';
import { reach } from './halt';
import { after, before, nameOf } from './steps';
import { Transcript } from './transcript';

/**
 * What passes between a process and MariaDB: mysql2's queries, wrapped. There a step is a transaction of several statements:
 * the process stops before the one that writes, with the rows locked, and after the commit.
 */

type Answered = (error: unknown, ...answer: unknown[]) => void;
type Query = (this: object, ...args: unknown[]) => unknown;

const transcripts = new WeakMap<object, Transcript>();

/** The one that TypeORM finds. */
const { Connection } = createRequire(require.resolve('typeorm'))('mysql2') as {
  readonly Connection: { prototype: object };
};
/** Of what a connection and one of a pool have in common. */
const shared = Object.getPrototypeOf(Connection.prototype) as Record<'query' | 'execute', Query>;
for (const how of ['query', 'execute'] as const) shared[how] = watched(shared[how]);

function watched(send: Query): Query {
  return function (...args) {
    const transcript = transcripts.get(this) ?? new Transcript();
    transcripts.set(this, transcript);
    const text = textOf(args[0]);
    const said = transcript.say(nameOf(text), text);
    if (said.before !== undefined) reach(before(said.before, said.done));
    const wrapped = args.map((arg) => {
      if (typeof arg !== 'function') return arg;
      return (error: unknown, ...answer: unknown[]) => {
        if (error == null && said.after) reach(after(said.after.step, said.done, said.after.rows));
        (arg as Answered)(error, ...answer);
      };
    });
    return send.apply(this, wrapped);
  };
}

function textOf(config: unknown): string {
  return typeof config === 'string' ? config : String((config as { sql?: string } | undefined)?.sql ?? '');
}
