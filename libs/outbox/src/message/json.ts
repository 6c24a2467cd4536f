import secureJson from 'secure-json-parse';

/** Deepest nesting that is read. Nothing sensible is deeper, and recursive consumers of the value stay safe. */
export const MAX_JSON_DEPTH = 64;

/**
 * Reads JSON that came from outside. Refuses what could hurt later: `__proto__` and `constructor.prototype` keys (they
 * would pollute prototypes when copied) and nesting deeper than {@link MAX_JSON_DEPTH}.
 * @throws SyntaxError with the reason, never with the text
 */
export function readJson(text: string): unknown {
  if (depthOf(text) > MAX_JSON_DEPTH) throw new SyntaxError(`nested deeper than ${MAX_JSON_DEPTH} levels`);
  try {
    return secureJson.parse(text, undefined, { protoAction: 'error', constructorAction: 'error' });
  } catch (error) {
    const forbidden = error instanceof Error && error.message.includes('forbidden prototype');
    const problem = forbidden ? 'holds a forbidden key (__proto__ or constructor.prototype)' : 'is not valid JSON';
    // eslint-disable-next-line preserve-caught-error -- V8 quotes the text in its message, and payloads never reach a log
    throw new SyntaxError(problem);
  }
}

/**
 * Reads JSON that came from outside, whatever its keys and depth: for those parts only that are looked at one by one.
 * @throws SyntaxError with the reason, never with the text
 */
export function looseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError('is not valid JSON'); // without V8's message: it quotes the text
  }
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const char = text.charCodeAt(index);
    if (char === 0x22 /* " */) quoted = !quoted;
    else if (quoted && char === 0x5c /* \ */) index++;
    else if (quoted) continue;
    else if (char === 0x7b /* { */ || char === 0x5b /* [ */) deepest = Math.max(deepest, ++depth);
    else if (char === 0x7d /* } */ || char === 0x5d /* ] */) depth--;
  }
  return deepest;
}
