// The memory primitives of a CPU that has the arena to itself while it runs: what is atomic on real threads is plain access here.

export class PlainWords {
  readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  load(word: number): number {
    return this.words[word];
  }

  store(word: number, value: number): void {
    this.words[word] = value;
  }

  cmpxchg(word: number, expected: number, value: number): number {
    const old = this.words[word];
    if (old === expected) this.words[word] = value;
    return old;
  }

  xchg(word: number, value: number): number {
    const old = this.words[word];
    this.words[word] = value;
    return old;
  }

  fetchAdd(word: number, delta: number): number {
    const old = this.words[word];
    this.words[word] = old + delta;
    return old;
  }

  fetchOr(word: number, bits: number): number {
    const old = this.words[word];
    this.words[word] = old | bits;
    return old;
  }

  fetchAnd(word: number, bits: number): number {
    const old = this.words[word];
    this.words[word] = old & bits;
    return old;
  }

  /** Nothing: accesses are made in program order. */
  fence(): void {}
}
