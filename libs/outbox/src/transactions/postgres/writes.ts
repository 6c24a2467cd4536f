import type { SqlWrite } from '../dialect';
import { type LookOfWrites, writesIn } from '../writes';

const TABLE = String.raw`[^\s(),;*]+`;

const LOOK: LookOfWrites = {
  /** What can hide a verb or look like one: comments, strings ('…', E'…', $$…$$) and quoted names. */
  noise:
    /--[^\n]*|\/\*[\s\S]*?\*\/|\be'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$([a-z_]\w*)?\$[\s\S]*?\$\1\$|"(?:[^"]|"")*"/gi,
  quote: /"/g,

  /**
   * A statement that changes rows can begin at the start, in a parenthesis (a CTE), behind one (after the CTEs, after the
   * options of EXPLAIN) and after EXPLAIN ANALYZE. UPDATE counts only with its SET: a column may be called "update".
   */
  changesRows: new RegExp(
    String.raw`(?:^|[()]|\banaly[sz]e\b|\bverbose\b)\s*` +
      String.raw`(?<verb>insert\s+into|merge\s+into|delete\s+from|update(?=\s+${TABLE}[\s\w*]*?\sset\b))` +
      String.raw`(?:\s+only)?\s+(?<table>${TABLE})`,
    'dgi',
  ),

  /** These can only begin a statement. COPY … TO reads. */
  changesOtherThings: new RegExp(
    String.raw`^\s*(?:(?<verb>truncate)(?:\s+table)?(?:\s+only)?\s+(?<table>${TABLE})` +
      String.raw`|(?:copy\s+${TABLE}\s*(?:\([^)]*\)\s*)?from|call|do|create|alter|drop|grant|revoke|refresh)\b)`,
    'di',
  ),

  plainExplain: /^\s*explain\b(?!.*\banaly[sz]e\b)/is,
};

/** As PostgreSQL reads them. Nested comments are not understood. */
export function findWrites(sql: string): SqlWrite[] {
  return writesIn(sql, LOOK);
}
