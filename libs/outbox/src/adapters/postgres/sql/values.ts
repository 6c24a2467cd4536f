import { errorText } from '../../../message/receipt';

/** `undefined` becomes an SQL null, `null` the JSON text: both come back as what they were. */
export function jsonText(value: unknown): string | undefined {
  return JSON.stringify(value);
}

/** What a person said, in its bounds. */
export function optionalText(said: string | undefined): string | undefined {
  return said === undefined ? undefined : errorText(said);
}
