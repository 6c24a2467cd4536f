import type { Ending, SqlWrite } from '../dialect';
import { blankNoise, type LookOfWrites, writesIn } from '../writes';

const TABLE = String.raw`[^\s(),;*]+`;

const LOOK: LookOfWrites = {
  /**
   * What can hide a verb or look like one: comments, strings and quoted names. A text in double quotes is either, as the
   * server is set. What stands in an executable comment is executed.
   */
  noise:
    /--(?=\s|$)[^\n]*|#[^\n]*|\/\*(?!M?!)[\s\S]*?\*\/|\/\*M?!\d*|\*\/|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`/gs,
  quote: /["`]/g,

  /**
   * A statement that changes rows can begin at the start, in a parenthesis, behind one (after the CTEs), after ANALYZE, which
   * executes it, and after the options of that. Reserved words: none of them can be a column without quotes.
   */
  changesRows: new RegExp(
    String.raw`(?:^|[()]|\banalyze\b|\bformat\s*=\s*\w+)\s*` +
      String.raw`(?<verb>(?:insert|replace)(?=\s)(?:\s+(?:low_priority|delayed|high_priority|ignore))*(?:\s+into)?` +
      String.raw`|delete(?:\s+(?:low_priority|quick|ignore))*(?:\s+from)?|update(?:\s+(?:low_priority|ignore))*)` +
      String.raw`\s+(?<table>${TABLE})`,
    'dgi',
  ),

  /** These can only begin a statement. */
  changesOtherThings: new RegExp(
    String.raw`^\s*(?:(?<verb>truncate)(?:\s+table)?\s+(?<table>${TABLE})` +
      String.raw`|(?:load\s+(?:data|xml)|call|create|alter|drop|rename|grant|revoke|begin\s+not\s+atomic)\b)`,
    'di',
  ),

  plainExplain: /^\s*(?:explain|describe|desc)\b(?!.*\banalyze\b)/is,
};

/** The server commits before it does these, whatever was open. */
const COMMITS = new RegExp(
  String.raw`^\s*(?:commit|start\s+transaction|begin(?!\s+not\s+atomic)|truncate|alter|rename|grant|revoke|flush|lock\s+tables?` +
    String.raw`|(?:create|drop)(?!(?:\s+or\s+replace)?\s+temporary\b)|(?:un)?install|set\s+password` +
    String.raw`|(?:analyze|check|optimize|repair)(?:\s+(?:local|no_write_to_binlog))?\s+tables?` +
    String.raw`|set\s+(?:session\s+|@@(?:session\.)?)?autocommit)\b`,
  'i',
);
const ROLLS_BACK = /^\s*rollback\b(?<savepoint>(?:\s+work)?\s+to\b)?/i;

/** As MySQL and MariaDB read them. */
export function findWrites(sql: string): SqlWrite[] {
  return writesIn(sql, LOOK);
}

/** Also of what commits without being asked to. */
export function endingOf(sql: string): Ending | undefined {
  const text = blankNoise(sql, LOOK);
  if (COMMITS.test(text)) return 'commit';
  const back = ROLLS_BACK.exec(text);
  if (!back) return undefined;
  return back.groups?.savepoint === undefined ? 'rollback' : 'rollback to savepoint';
}
