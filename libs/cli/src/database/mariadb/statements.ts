/** The text has an empty line between two statements, and none within one. */
export function statementsOf(sql: string): string[] {
  return sql.split(/;\n(?:\n|$)/).filter((text) => text !== '');
}
