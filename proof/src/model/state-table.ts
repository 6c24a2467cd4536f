/** Taken out of its global once: a test runner's sandbox makes every look-up of a global slow. */
const { imul } = Math;

/** A growing array of 32-bit integers, outside the JavaScript heap. */
export class Ints {
  length = 0;
  private items = new Int32Array(1 << 12);

  push(item: number): void {
    if (this.length === this.items.length) {
      const wider = new Int32Array(this.length * 2);
      wider.set(this.items);
      this.items = wider;
    }
    this.items[this.length++] = item;
  }

  at(index: number): number {
    return this.items[index] as number;
  }
}

/**
 * The set of states seen so far, in the order in which they were found. Twelve bytes per state plus an open-addressing
 * index: a million packed states need 25 MB, where a `Map` of strings would need some 200.
 */
export class StateTable {
  private readonly firsts = new Ints();
  private readonly seconds = new Ints();
  private readonly parents = new Ints();
  private slots = new Int32Array(1 << 12).fill(-1);

  get size(): number {
    return this.firsts.length;
  }

  first(index: number): number {
    return this.firsts.at(index);
  }

  second(index: number): number {
    return this.seconds.at(index);
  }

  /** The state from which this one was reached first; -1 for the initial state. */
  parent(index: number): number {
    return this.parents.at(index);
  }

  /** The index of the packed state; a new one is appended, with `parent` as the way there. */
  add(first: number, second: number, parent: number): number {
    let slot = this.slotOf(first, second);
    const known = this.slots[slot] as number;
    if (known >= 0) return known;
    if (this.size * 2 >= this.slots.length) {
      this.grow();
      slot = this.slotOf(first, second);
    }
    const index = this.size;
    this.slots[slot] = index;
    this.firsts.push(first);
    this.seconds.push(second);
    this.parents.push(parent);
    return index;
  }

  /** The slot that holds the state, or the free one where it belongs. */
  private slotOf(first: number, second: number): number {
    const last = this.slots.length - 1;
    let hash = imul(first ^ imul(second, 0x9e3779b1), 0x85ebca6b);
    hash = (hash ^ (hash >>> 15)) & last;
    for (;;) {
      const index = this.slots[hash] as number;
      if (index < 0 || (this.firsts.at(index) === first && this.seconds.at(index) === second)) return hash;
      hash = (hash + 1) & last;
    }
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(-1);
    for (let index = 0; index < this.size; index++)
      this.slots[this.slotOf(this.first(index), this.second(index))] = index;
  }
}
