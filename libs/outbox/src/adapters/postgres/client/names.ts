import type { Fields } from './wire';

/** A statement that the server keeps parsed, under this name, until it is closed. */
export interface Prepared {
  readonly name: string;
  /** The server was asked to parse it, and has not failed since. */
  parsed: boolean;
  uses: number;
  /** What its rows look like; empty if it has none. Undefined until the server has said so once. */
  fields?: Fields;
}

/** So many texts are remembered for each connection; the one that was not used for longest makes room. */
const MAX_TEXTS = 256;
/** A longer text is most often a list of values, and another one the next time. */
const MAX_TEXT_LENGTH = 8_192;

/** Then it is prepared anew: for no more than these a table that has grown is read as if it were still small (ADR 10). */
const MAX_USES = 1_000;

/** Which texts have a name on one connection: those that came twice. */
export class Names {
  /** By text, the latest last. Undefined: seen once. */
  private readonly texts = new Map<string, Prepared | undefined>();
  private closing: string[] = [];
  private count = 0;

  /** @param always also the first time */
  of(text: string, always: boolean): Prepared | undefined {
    if (text.length > MAX_TEXT_LENGTH) return undefined;
    if (this.texts.get(text)?.uses === MAX_USES) this.forget(text);
    const seen = this.texts.has(text);
    const prepared = this.texts.get(text) ?? (seen || always ? this.fresh() : undefined);
    if (prepared) prepared.uses += 1;
    this.texts.delete(text);
    this.texts.set(text, prepared);
    if (this.texts.size > MAX_TEXTS) this.evict();
    return prepared;
  }

  /** It gets another name the next time, for it is not known whether the server has this one. */
  forget(text: string): void {
    const prepared = this.texts.get(text);
    if (!prepared) return;
    this.closing.push(prepared.name);
    this.texts.set(text, undefined);
  }

  forgetAll(): void {
    for (const text of this.texts.keys()) this.forget(text);
  }

  /** What the server is to forget as well. To close a name that it does not know is no error. */
  takeClosing(): readonly string[] {
    const { closing } = this;
    if (closing.length > 0) this.closing = [];
    return closing;
  }

  private fresh(): Prepared {
    this.count += 1;
    return { name: `tallystick_${this.count}`, parsed: false, uses: 0 };
  }

  private evict(): void {
    const [oldest] = this.texts.keys();
    this.forget(oldest!);
    this.texts.delete(oldest!);
  }
}
