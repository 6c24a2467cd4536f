/** A frame is `length#json`, its length in UTF-16 units (Nest's format); more digits than these are no frame of ours. */
const MAX_DIGITS = 8;
const [HASH, ZERO, NINE, BRACE] = [...'#09{'].map((character) => character.charCodeAt(0)) as [
  number,
  number,
  number,
  number,
];

/** What arrived cannot become a frame. Says nothing of its content. */
export class BrokenFrameError extends Error {}

/**
 * Cuts a stream of bytes into the texts of its frames. Looks at every byte once, and keeps at most twice the bytes of
 * the frame that is under way: it believes no announced length. (Nest's own reader keeps a string per chunk: a frame sent
 * byte by byte takes many times its size.)
 */
export class FrameReader {
  private digits = '';
  /** UTF-16 units the frame has; undefined while its length is read. */
  private length: number | undefined;
  private units = 0;
  /** Bytes that the character under way still lacks. */
  private lacking = 0;
  private kept = Buffer.alloc(0);
  private used = 0;

  constructor(private readonly maxBytes: number) {}

  /** True while a frame has begun and not ended. */
  get underWay(): boolean {
    return this.length !== undefined || this.digits !== '';
  }

  /** Bytes of memory that the frame under way takes. */
  get held(): number {
    return this.kept.length;
  }

  /** @throws BrokenFrameError as soon as no frame can come of it; the reader is of no use then */
  push(bytes: Uint8Array): string[] {
    const texts: string[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.length === undefined) {
        this.readDigit(bytes[at++]!);
        continue;
      }
      const from = at;
      let complete = false;
      while (at < bytes.length && !complete) complete = this.readByte(bytes[at++]!, this.length);
      this.keep(bytes.subarray(from, at));
      if (complete) texts.push(this.take());
    }
    return texts;
  }

  private readDigit(byte: number): void {
    if (byte === HASH && this.digits !== '') {
      this.length = Number(this.digits);
      if (this.length > this.maxBytes) throw new BrokenFrameError('it announces more than a frame may have');
    } else if (byte < ZERO || byte > NINE || this.digits.length === MAX_DIGITS || (byte === ZERO && !this.digits)) {
      throw new BrokenFrameError('it does not begin with a length');
    } else {
      this.digits += String.fromCharCode(byte);
    }
  }

  /** Whether the frame ends with this byte. */
  private readByte(byte: number, length: number): boolean {
    if (this.units === 0 && byte !== BRACE) throw new BrokenFrameError('it holds no JSON object');
    const continues = (byte & 0xc0) === 0x80;
    if (continues !== this.lacking > 0 || byte >= 0xf8) throw new BrokenFrameError('it is not UTF-8');
    if (continues) {
      this.lacking -= 1;
    } else {
      this.lacking = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      this.units += byte < 0xf0 ? 1 : 2;
    }
    if (this.units > length) throw new BrokenFrameError('it is longer than it said');
    return this.units === length && this.lacking === 0;
  }

  private keep(bytes: Uint8Array): void {
    const needed = this.used + bytes.length;
    if (needed > this.maxBytes) throw new BrokenFrameError('it is larger than a frame may be');
    if (needed > this.kept.length) {
      const grown = Buffer.alloc(Math.min(this.maxBytes, Math.max(needed, 2 * this.kept.length)));
      this.kept.copy(grown, 0, 0, this.used);
      this.kept = grown;
    }
    this.kept.set(bytes, this.used);
    this.used = needed;
  }

  private take(): string {
    const text = this.kept.toString('utf8', 0, this.used);
    [this.digits, this.length, this.units, this.kept, this.used] = ['', undefined, 0, Buffer.alloc(0), 0];
    return text;
  }
}
