/** What stands where something is hidden. */
export const HIDDEN = '•••';

/** Hides fields by path; `*` is any one name or position. What a path leads to is hidden with all that is in it. */
export function redacted(value: unknown, paths: readonly string[]): unknown {
  return hide(
    value,
    paths.map((path) => path.split('.')),
  );
}

function hide(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (paths.length === 0 || typeof value !== 'object' || value === null) return value;
  if (paths.some((path) => path.length === 0)) return HIDDEN;
  const inside = (name: string, each: unknown): unknown => {
    const rest = paths.filter(([first]) => first === '*' || first === name).map((path) => path.slice(1));
    return rest.some((path) => path.length === 0) ? HIDDEN : hide(each, rest);
  };
  if (Array.isArray(value)) return value.map((each, index) => inside(String(index), each));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inside(name, each)]));
}

/** True if a search for this field would tell what is hidden: it is hidden, in something hidden, or has something hidden in it. */
export function isHidden(field: string, redact: readonly string[] | 'everything'): boolean {
  if (redact === 'everything') return true;
  const asked = field.split('.');
  return redact.some((path) =>
    path.split('.').every((name, at) => at >= asked.length || name === '*' || name === asked[at]),
  );
}
