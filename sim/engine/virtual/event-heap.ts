// The stable event heap: earliest (time, sequence) first, so that a tie is never left to chance.
// One entry per CPU at most. Flat typed arrays; times are integer picoseconds.

export class EventHeap {
  size = 0;
  /** Time of the earliest entry, Infinity when there is none. */
  topTime = Number.POSITIVE_INFINITY;
  readonly #times: Float64Array;
  readonly #sequences: Float64Array;
  readonly #ids: Int32Array;
  #sequence = 0;

  constructor(capacity: number) {
    this.#times = new Float64Array(capacity + 1);
    this.#sequences = new Float64Array(capacity + 1);
    this.#ids = new Int32Array(capacity + 1);
  }

  push(time: number, id: number): void {
    this.#siftUp(this.size++, time, this.#sequence++, id);
    this.topTime = this.#times[0];
  }

  /** Removes the earliest entry and returns its id. The heap must not be empty. */
  pop(): number {
    const id = this.#ids[0];
    const last = --this.size;
    if (last > 0) this.#siftDown(this.#times[last], this.#sequences[last], this.#ids[last]);
    this.topTime = last > 0 ? this.#times[0] : Number.POSITIVE_INFINITY;
    return id;
  }

  /** Moves an entry to an earlier time (behind the entries that already wait there). Returns false when `id` has none. */
  advance(id: number, time: number): boolean {
    for (let i = 0; i < this.size; i++) {
      if (this.#ids[i] !== id) continue;
      if (this.#times[i] > time) {
        this.#siftUp(i, time, this.#sequence++, id);
        this.topTime = this.#times[0];
      }
      return true;
    }
    return false;
  }

  #siftUp(from: number, time: number, sequence: number, id: number): void {
    const times = this.#times;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (times[parent] < time || (times[parent] === time && this.#sequences[parent] < sequence)) break;
      this.#place(i, times[parent], this.#sequences[parent], this.#ids[parent]);
      i = parent;
    }
    this.#place(i, time, sequence, id);
  }

  #siftDown(time: number, sequence: number, id: number): void {
    const times = this.#times;
    const size = this.size;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && this.#before(right, child)) child = right;
      if (time < times[child] || (time === times[child] && sequence < this.#sequences[child])) break;
      this.#place(i, times[child], this.#sequences[child], this.#ids[child]);
      i = child;
    }
    this.#place(i, time, sequence, id);
  }

  #before(a: number, b: number): boolean {
    return this.#times[a] < this.#times[b] || (this.#times[a] === this.#times[b] && this.#sequences[a] < this.#sequences[b]);
  }

  #place(i: number, time: number, sequence: number, id: number): void {
    this.#times[i] = time;
    this.#sequences[i] = sequence;
    this.#ids[i] = id;
  }
}
