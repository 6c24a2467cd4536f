import type { Ending, SqlWrite } from '../dialect';

/**
 * What can hide a verb or look like one: comments, strings and quoted names. A text in double quotes is either, as the
 * server is set. What stands in an executable comment is executed.
 */
const NOISE =
  /--(?=\s|$)[^\n]*|#[^\n]*|\/\*(?!M?!)[\s\S]*?\*\/|\/\*M?!\d*|\*\/|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`/gs;

const TABLE = String.raw`[^\s(),;*]+`;

/**
 * A statement that changes rows can begin at the start, in a parenthesis, behind one (after the CTEs), after ANALYZE, which
 * executes it, and after the options of that. Reserved words: none of them can be a column without quotes.
 */
const CHANGES_ROWS = new RegExp(
  String.raw`(?:^|[()]|\banalyze\b|\bformat\s*=\s*\w+)\s*` +
    String.raw`(?<verb>(?:insert|replace)(?=\s)(?:\s+(?:low_priority|delayed|high_priority|ignore))*(?:\s+into)?` +
    String.raw`|delete(?:\s+(?:low_priority|quick|ignore))*(?:\s+from)?|update(?:\s+(?:low_priority|ignore))*)` +
    String.raw`\s+(?<table>${TABLE})`,
  'dgi',
);

/** These can only begin a statement. */
const CHANGES_OTHER_THINGS = new RegExp(
  String.raw`^\s*(?:(?<verb>truncate)(?:\s+table)?\s+(?<table>${TABLE})` +
    String.raw`|(?:load\s+(?:data|xml)|call|create|alter|drop|rename|grant|revoke|begin\s+not\s+atomic)\b)`,
  'di',
);

const PLAIN_EXPLAIN = /^\s*(?:explain|describe|desc)\b(?!.*\banalyze\b)/is;

/** The server commits before it does these, whatever was open. */
const COMMITS = new RegExp(
  String.raw`^\s*(?:commit|start\s+transaction|begin(?!\s+not\s+atomic)|truncate|alter|rename|grant|revoke|flush|lock\s+tables?` +
    String.raw`|(?:create|drop)(?!(?:\s+or\s+replace)?\s+temporary\b)|(?:un)?install|set\s+password` +
    String.raw`|(?:analyze|check|optimize|repair)(?:\s+(?:local|no_write_to_binlog))?\s+tables?` +
    String.raw`|set\s+(?:session\s+|@@(?:session\.)?)?autocommit)\b`,
  'i',
);
const ROLLS_BACK = /^\s*rollback\b(?<savepoint>(?:\s+work)?\s+to\b)?/i;

/**
 * The writes in a SQL text, found by looking at the text: no parser, no database. It cannot see what a function does
 * (`select charge(1)`, `execute prepared`).
 */
export function findWrites(sql: string): SqlWrite[] {
  const writes: SqlWrite[] = [];
  let start = 0;
  for (const statement of blankNoise(sql).split(';')) {
    const original = sql.slice(start, start + statement.length);
    start += statement.length + 1;
    if (PLAIN_EXPLAIN.test(statement)) continue;
    const other = CHANGES_OTHER_THINGS.exec(statement);
    for (const match of other ? [other] : statement.matchAll(CHANGES_ROWS)) writes.push(describe(match, original));
  }
  return writes;
}

/** Also of what commits without being asked to. */
export function endingOf(sql: string): Ending | undefined {
  const text = blankNoise(sql);
  if (COMMITS.test(text)) return 'commit';
  const back = ROLLS_BACK.exec(text);
  if (!back) return undefined;
  return back.groups?.savepoint === undefined ? 'rollback' : 'rollback to savepoint';
}

/** Replaces noise by filler of the same length, so that positions still fit the original text. */
function blankNoise(sql: string): string {
  return sql.replace(NOISE, (text) => (/^["`]/.test(text) ? 'q' : ' ').repeat(text.length));
}

function describe(match: RegExpExecArray, original: string): SqlWrite {
  const verb = match.groups?.verb ?? match[0];
  const position = match.indices?.groups?.table;
  return {
    verb: verb.trim().split(/\s/, 1)[0]!.toUpperCase(),
    table: position && original.slice(...position).replaceAll(/["`]/g, ''),
  };
}
