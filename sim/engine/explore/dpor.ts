// Every interleaving, up to the order of steps that do not matter to each other: dynamic partial-order reduction with source sets (Abdulla, Aronis,
// Jonsson, Sagonas, POPL 2014) and sleep sets (Godefroid 1996). Depth-first and stateless: each schedule runs from the start.
//
// Two steps of different processes commute when they touch no object in common that one of them writes (footprint.ts). Schedules that differ only in
// the order of neighbours that commute reach the same states at the same points of each CPU's path, so one of them stands for all: nothing that a
// path can see is lost. A claim that is looked at between steps is found broken, too, as long as what it reads of two CPUs' state is in their footprints.
//
//   source sets  A step that races with an earlier one, neither ordered before the other by what happened in between, makes the search
//                come back to the point before the earlier one and let one of those go first who can begin the reversed order.
//   sleep sets   A process that has been tried at a point is not tried again below it until a step that its own step depends on.
//                A run in which everybody who can go on sleeps repeats others: it is given up, and counted as pruned.
//
// "Happens before" is kept by vector clocks: program order, the order of dependent steps, a lock's release before it is taken, a store before it
// becomes visible. Checked against brute force on random small programs (dpor.test.ts).

import { assert } from '../../assert.js';
import { goOn, lowest, lowestBit } from './choosers.js';
import type { Chooser } from './engine.js';
import { areDependent, type Footprint } from './footprint.js';

/** A point of the current schedule, and the step that was taken there. */
interface Node {
  enabled: number;
  /** Processes whose step here would make stores visible and go on: their drains come first. */
  notThin: number;
  chosen: number;
  /** Processes that were tried here or are to be tried; those that were. */
  backtrack: number;
  done: number;
  /** Processes that need not be tried, and the footprint of the next step of these and of those done, by process. */
  sleep: number;
  asleep: (readonly number[] | undefined)[];
  foot: readonly number[];
  released: readonly number[];
  /** Events by process that happened before this one and with it: 1 + their index. */
  clock: number[];
}

/** The latest accesses of one object. */
interface Accesses {
  write: number;
  reads: number[];
  /** Clocks of a lock's releases, joined: by those who held it for write, and by those who held it for read, whom other readers need not wait for. */
  releases: number[];
  readReleases: number[];
}

export class DporChooser implements Chooser {
  readonly wantsThinSteps = true;
  readonly #cpuCount: number;
  readonly #processes: number;
  readonly #nodes: Node[] = [];
  #depth = 0;
  /** What ran last, by process: 1 + index of its latest step. */
  readonly #latest: number[];
  readonly #accesses = new Map<number, Accesses>();
  /** Steps whose bookkeeping stands in `#latest` and `#accesses`. */
  #booked = 0;

  constructor(cpuCount: number) {
    this.#cpuCount = cpuCount;
    this.#processes = 2 * cpuCount;
    this.#latest = new Array<number>(this.#processes).fill(0);
  }

  /** What ran, so far, with the step that has not ended. */
  get processes(): number[] {
    return this.#nodes.slice(0, this.#depth + 1).map(({ chosen }) => chosen);
  }

  /** Steps that are the same as in the run before: their claims have been looked at. */
  get prefix(): number {
    return this.#nodes.length - 1;
  }

  choose(enabled: number, last: number): number {
    const known = this.#nodes[this.#depth];
    if (known !== undefined) {
      if ((known.enabled | known.notThin) !== enabled)
        assert(false, `step ${this.#depth} of a schedule that was run before can go on with ${enabled}, not ${known.enabled}: the paths are not deterministic`);
      return known.chosen;
    }
    const { sleep, asleep } = this.#sleepersAfter(this.#depth - 1);
    const awake = enabled & ~sleep;
    if (awake === 0) return -1;
    const chosen = this.#first(awake, last);
    this.#nodes.push({ enabled, notThin: 0, chosen, backtrack: 1 << chosen, done: 0, sleep, asleep, foot: [], released: [], clock: this.#latest });
    return chosen;
  }

  /** What is tried first: stores become visible at once, and the process that ran goes on while it can. */
  #first(awake: number, last: number): number {
    const drains = awake >>> this.#cpuCount;
    return drains !== 0 ? lowest(drains) + this.#cpuCount : goOn(awake, last);
  }

  /** Who sleeps after step `index`: those that slept or were done before it and whose step does not depend on it. */
  #sleepersAfter(index: number): { sleep: number; asleep: (readonly number[] | undefined)[] } {
    const asleep: (readonly number[] | undefined)[] = [];
    if (index < 0) return { sleep: 0, asleep };
    const node = this.#nodes[index];
    let sleep = 0;
    for (let rest = (node.sleep | node.done) & ~(1 << node.chosen); rest !== 0; rest &= rest - 1) {
      const process = lowest(rest);
      const foot = node.asleep[process] as readonly number[];
      if (areDependent(foot, node.foot)) continue;
      sleep |= 1 << process;
      asleep[process] = foot;
    }
    return { sleep, asleep };
  }

  stepped(_process: number, foot: Footprint, madeBy: number): void {
    const index = this.#depth++;
    if (index < this.#booked) return;
    const node = this.#nodes[index];
    node.foot = foot.codes();
    node.released = foot.released();
    this.#order(index, madeBy);
    this.#book(index);
  }

  /** Sets the clock of step `index`, and notes the races that it is in. */
  #order(index: number, madeBy: number): void {
    const node = this.#nodes[index];
    const before = this.#latest[node.chosen];
    const base = before > 0 ? this.#nodes[before - 1].clock : new Array<number>(this.#processes).fill(0);
    const clock = base.slice();
    if (madeBy >= 0) join(clock, this.#nodes[madeBy].clock);
    const ordered = clock.slice();
    const racing: number[] = [];
    for (const code of node.foot) {
      const accesses = this.#accesses.get(code >>> 1);
      if (accesses === undefined) continue;
      this.#meet(accesses.write, node.chosen, ordered, clock, racing);
      if ((code & 1) === 1) for (const read of accesses.reads) this.#meet(read, node.chosen, ordered, clock, racing);
      join(clock, accesses.releases);
      if ((code & 1) === 1) join(clock, accesses.readReleases);
    }
    clock[node.chosen] = index + 1;
    node.clock = clock;
    for (const earlier of racing) if (!this.#isBehind(earlier, racing)) this.#reverse(earlier, index);
  }

  /** An earlier step that touched an object of this one: it is before it now, and they race unless something had ordered them already. */
  #meet(earlier: number, process: number, ordered: readonly number[], clock: number[], racing: number[]): void {
    if (earlier < 0) return;
    const other = this.#nodes[earlier];
    join(clock, other.clock);
    if (other.chosen !== process && ordered[other.chosen] <= earlier && !racing.includes(earlier)) racing.push(earlier);
  }

  /** Whether another of the racing steps came after `step` because of it: then that one's race is the one to reverse. */
  #isBehind(step: number, racing: readonly number[]): boolean {
    const { chosen } = this.#nodes[step];
    return racing.some((other) => other !== step && this.#nodes[other].clock[chosen] > step);
  }

  /** Makes sure that the order in which step `later` does not come after step `earlier` is tried. */
  #reverse(earlier: number, later: number): void {
    const node = this.#nodes[earlier];
    if (this.#isOtherWhenAsleep(node, later)) {
      node.backtrack |= node.enabled;
      return;
    }
    const initials = this.#initials(earlier, later);
    if ((initials & (node.backtrack | node.done)) !== 0) return;
    const candidates = initials & node.enabled;
    if (candidates === 0) return; // the earlier step is what made the later one possible
    node.backtrack |= lowestBit(candidates);
  }

  /**
   * Whether the process of step `later` sleeps at this point, and its step would touch other objects here than it did there. That its step here was
   * tried elsewhere says nothing then of those that it depends on here alone: anybody may have to go first.
   */
  #isOtherWhenAsleep({ sleep, asleep }: Node, later: number): boolean {
    const { chosen, foot } = this.#nodes[later];
    if (((sleep >>> chosen) & 1) === 0) return false;
    const here = asleep[chosen] as readonly number[];
    return here.length !== foot.length || here.some((code) => !foot.includes(code));
  }

  /**
   * Who can begin, at the point before `earlier`, the steps that did not have to come after it, up to `later`. What `later` itself would do there is
   * not known, since a step may read one word and choose the next by it: it begins only where there are no others.
   */
  #initials(earlier: number, later: number): number {
    const nodes = this.#nodes;
    const { chosen: first } = nodes[earlier];
    const kept: number[] = [];
    let seen = 0;
    let initials = 0;
    for (let index = earlier + 1; index < later; index++) {
      const { chosen, clock } = nodes[index];
      if (clock[first] > earlier) continue;
      if (((seen >>> chosen) & 1) === 0 && !kept.some((before) => clock[nodes[before].chosen] > before)) initials |= 1 << chosen;
      seen |= 1 << chosen;
      kept.push(index);
    }
    return kept.length > 0 ? initials : 1 << nodes[later].chosen;
  }

  /** The accesses of step `index` are the latest of their objects. */
  #book(index: number): void {
    const { chosen, foot, released, clock } = this.#nodes[index];
    this.#latest[chosen] = index + 1;
    for (const code of foot) {
      const accesses = this.#accessesOf(code >>> 1);
      if ((code & 1) === 0) accesses.reads.push(index);
      else {
        accesses.write = index;
        accesses.reads.length = 0;
      }
    }
    for (const code of released) {
      const accesses = this.#accessesOf(code >>> 1);
      join((code & 1) === 1 ? accesses.releases : accesses.readReleases, clock);
    }
    this.#booked = index + 1;
  }

  #accessesOf(object: number): Accesses {
    let accesses = this.#accesses.get(object);
    if (accesses === undefined) {
      accesses = { write: -1, reads: [], releases: [], readReleases: [] };
      this.#accesses.set(object, accesses);
    }
    return accesses;
  }

  /** Goes to the next schedule. False when there is none. */
  advance(): boolean {
    const nodes = this.#nodes;
    nodes.length = this.#depth;
    this.#depth = 0;
    for (let node = nodes.at(-1); node !== undefined; node = nodes.at(-1)) {
      node.done |= 1 << node.chosen;
      node.asleep[node.chosen] = node.foot;
      const next = node.backtrack & ~node.notThin & ~node.done & ~node.sleep;
      if (next !== 0) {
        node.chosen = lowest(next);
        this.#rebook(nodes.length - 1);
        return true;
      }
      nodes.pop();
    }
    return false;
  }

  /** The last run ended as `not-thin`: a drain takes the place of its last choice. False when nothing is left to try. */
  retry(): boolean {
    const node = this.#nodes[this.#depth];
    const bit = 1 << node.chosen;
    node.enabled &= ~bit;
    node.notThin |= bit;
    node.backtrack |= bit << this.#cpuCount;
    if (node.done === 0) node.backtrack |= lowestBit(node.enabled & ~node.sleep);
    const next = node.backtrack & node.enabled & ~node.done & ~node.sleep;
    if (next === 0) {
      this.#nodes.pop();
      return this.advance();
    }
    node.chosen = lowest(next);
    this.#depth = 0;
    return true;
  }

  /** The bookkeeping as it was before step `count`. */
  #rebook(count: number): void {
    this.#latest.fill(0);
    this.#accesses.clear();
    this.#booked = 0;
    for (let index = 0; index < count; index++) this.#book(index);
  }
}

/** Raises each entry of `clock` to that of `other`; one that is missing counts as 0. */
function join(clock: number[], other: readonly number[]): void {
  for (let i = 0; i < other.length; i++) if (!(clock[i] >= other[i])) clock[i] = other[i];
}
