import type { Random } from '../../ports/clock';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * Repeatable chance: xoshiro128** 1.1 (David Blackman and Sebastiano Vigna, 2018, https://prng.di.unimi.it), its state
 * filled from the seed by splitmix32. Not for secrets.
 */
export class SeededRandom implements Random {
  private readonly state: Uint32Array;
  private issued = 0;

  constructor(seed: number) {
    let mixed = seed >>> 0;
    const splitmix = (): number => {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let z = mixed;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.state = Uint32Array.of(splitmix(), splitmix(), splitmix(), splitmix());
  }

  next(): number {
    return this.word() / 2 ** 32;
  }

  /** A whole number from 0 to `bound` − 1. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Version 7 in shape; the 48 bits of time are a counter. */
  id(): string {
    const time = (++this.issued).toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${this.hex().slice(5)}-8${this.hex().slice(5)}-${this.hex()}${this.hex().slice(4)}`;
  }

  token(): string {
    return `${this.hex()}-${this.hex().slice(4)}-4${this.hex().slice(5)}-8${this.hex().slice(5)}-${this.hex()}${this.hex().slice(4)}`;
  }

  private hex(): string {
    const word = this.word();
    return HEX[word >>> 24]! + HEX[(word >>> 16) & 255]! + HEX[(word >>> 8) & 255]! + HEX[word & 255]!;
  }

  private word(): number {
    const s = this.state as Uint32Array & [number, number, number, number];
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
