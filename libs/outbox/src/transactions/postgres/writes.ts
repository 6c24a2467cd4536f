import type { SqlWrite } from '../dialect';

/** What can hide a verb or look like one: comments, strings ('…', E'…', $$…$$) and quoted names. */
const NOISE =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\be'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$([a-z_]\w*)?\$[\s\S]*?\$\1\$|"(?:[^"]|"")*"/gi;

const TABLE = String.raw`[^\s(),;*]+`;

/**
 * A statement that changes rows can begin at the start, in a parenthesis (a CTE), behind one (after the CTEs, after the
 * options of EXPLAIN) and after EXPLAIN ANALYZE. UPDATE counts only with its SET: a column may be called "update".
 */
const CHANGES_ROWS = new RegExp(
  String.raw`(?:^|[()]|\banaly[sz]e\b|\bverbose\b)\s*` +
    String.raw`(?<verb>insert\s+into|merge\s+into|delete\s+from|update(?=\s+${TABLE}[\s\w*]*?\sset\b))` +
    String.raw`(?:\s+only)?\s+(?<table>${TABLE})`,
  'dgi',
);

/** These can only begin a statement. COPY … TO reads. */
const CHANGES_OTHER_THINGS = new RegExp(
  String.raw`^\s*(?:(?<verb>truncate)(?:\s+table)?(?:\s+only)?\s+(?<table>${TABLE})` +
    String.raw`|(?:copy\s+${TABLE}\s*(?:\([^)]*\)\s*)?from|call|do|create|alter|drop|grant|revoke|refresh)\b)`,
  'di',
);

const PLAIN_EXPLAIN = /^\s*explain\b(?!.*\banaly[sz]e\b)/is;

/**
 * The writes in a SQL text, found by looking at the text: no parser, no database. It cannot see what a function does
 * (`select charge(1)`, `execute prepared`). Nested comments are not understood.
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

/** Replaces noise by filler of the same length, so that positions still fit the original text. */
function blankNoise(sql: string): string {
  return sql.replace(NOISE, (text) => (text.startsWith('"') ? 'q' : ' ').repeat(text.length));
}

function describe(match: RegExpExecArray, original: string): SqlWrite {
  const verb = match.groups?.verb ?? match[0];
  const position = match.indices?.groups?.table;
  return {
    verb: verb.trim().split(/\s/, 1)[0]!.toUpperCase(),
    table: position && original.slice(...position).replaceAll('"', ''),
  };
}
