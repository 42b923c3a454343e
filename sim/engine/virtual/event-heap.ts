// The stable event heap: earliest (time, sequence) first, so that a tie is never left to chance.
// One entry per CPU at most. Flat typed arrays; times are integer picoseconds, and Infinity where there is no entry.

export class EventHeap {
  size = 0;
  /** Time of the earliest entry, Infinity when there is none. */
  topTime = Number.POSITIVE_INFINITY;
  readonly #times: Float64Array;
  readonly #sequences: Float64Array;
  readonly #ids: Int32Array;
  #sequence = 0;
  #stagedTime = 0;
  #stagedSequence = 0;
  #stagedId = -1;

  constructor(capacity: number) {
    const places = 2 * capacity + 2; // the children of every entry, whether they are there or not
    this.#times = new Float64Array(places).fill(Number.POSITIVE_INFINITY);
    this.#sequences = new Float64Array(places);
    this.#ids = new Int32Array(places);
  }

  push(time: number, id: number): void {
    this.#siftUp(this.size++, time, this.#sequence++, id);
    if (time < this.topTime) this.topTime = time;
  }

  /**
   * As `push`, for an entry that the next call is a `pop` after: both then cost one pass over the heap instead of two. Until that `pop`
   * the entry is not counted in `size` and `topTime`.
   */
  stage(time: number, id: number): void {
    this.#stagedTime = time;
    this.#stagedSequence = this.#sequence++;
    this.#stagedId = id;
  }

  /** Removes the earliest entry and returns its id, -1 when there is none. */
  pop(): number {
    const stagedId = this.#stagedId;
    if (stagedId < 0) return this.#popHeap();
    this.#stagedId = -1;
    const time = this.#stagedTime;
    if (time < this.topTime) return stagedId;
    const id = this.#ids[0];
    this.#siftDown(time, this.#stagedSequence, stagedId);
    this.topTime = this.#times[0];
    return id;
  }

  #popHeap(): number {
    if (this.size === 0) return -1;
    const ids = this.#ids;
    const id = ids[0];
    const last = --this.size;
    const time = this.#times[last];
    this.#times[last] = Number.POSITIVE_INFINITY;
    if (last > 0) this.#siftDown(time, this.#sequences[last], ids[last]);
    this.topTime = this.#times[0];
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
    const sequences = this.#sequences;
    const ids = this.#ids;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const parentTime = times[parent];
      if (parentTime < time || (parentTime === time && sequences[parent] < sequence)) break;
      times[i] = parentTime;
      sequences[i] = sequences[parent];
      ids[i] = ids[parent];
      i = parent;
    }
    times[i] = time;
    sequences[i] = sequence;
    ids[i] = id;
  }

  /**
   * Puts an entry in place of the root. Which of two children is earlier is as good as random, so it is computed and not branched on: a branch that
   * the host cannot predict would be the larger part of the work.
   */
  #siftDown(time: number, sequence: number, id: number): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const ids = this.#ids;
    const size = this.size;
    let i = 0;
    for (let left = 1; left < size; left = 2 * i + 1) {
      const leftTime = times[left];
      const rightTime = times[left + 1];
      let child = left + Number(rightTime < leftTime);
      if (rightTime === leftTime && sequences[left + 1] < sequences[left]) child = left + 1;
      const childTime = times[child];
      if (time < childTime || (time === childTime && sequence < sequences[child])) break;
      times[i] = childTime;
      sequences[i] = sequences[child];
      ids[i] = ids[child];
      i = child;
    }
    times[i] = time;
    sequences[i] = sequence;
    ids[i] = id;
  }
}
