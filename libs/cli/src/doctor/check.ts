/** Something that a check found. */
export interface Finding {
  /** Wrong: somebody should do something. Note: it is meant, or may be. Unknown: it could not be told. */
  readonly level: 'wrong' | 'note' | 'unknown';
  readonly what: string;
  /** What to do about it. */
  readonly todo: string;
}

/** One question, and what the answer means. Finds nothing where all is well. */
export interface Check<Context> {
  /** What `--ignore` calls it. */
  readonly name: string;
  of(context: Context): Promise<Finding[]>;
}

export interface NamedFinding extends Finding {
  readonly check: string;
}

/** Asks everything, whatever goes wrong with one of them. */
export async function examine<Context>(
  checks: readonly Check<Context>[],
  context: Context,
  ignored: readonly string[],
): Promise<NamedFinding[]> {
  const found: NamedFinding[] = [];
  for (const { name, of } of checks) {
    if (ignored.includes(name)) continue;
    const findings = await of(context).catch((error: unknown): Finding[] => [
      {
        level: 'unknown',
        what: `It could not be told: ${(error as Error).message}.`,
        todo: 'Repair that, and ask again.',
      },
    ]);
    found.push(...findings.map((finding) => ({ check: name, ...finding })));
  }
  return found;
}

export const wrong = (what: string, todo: string): Finding => ({ level: 'wrong', what, todo });
export const note = (what: string, todo: string): Finding => ({ level: 'note', what, todo });
export const unknown = (what: string, todo: string): Finding => ({ level: 'unknown', what, todo });
