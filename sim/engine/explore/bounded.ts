// All schedules with at most so many preemptions: switches away from a CPU that could have gone on. Most bugs need one or two
// (Musuvathi and Qadeer, PLDI 2007). Nothing is reduced: a reduction would have to count preemptions of schedules that it leaves out.
// A store that becomes visible preempts nobody, and neither does going on after it.

import { goOn, lowest } from './choosers.js';
import type { Chooser } from './engine.js';

interface Node {
  chosen: number;
  /** Processes that are still to be tried here. */
  rest: number;
  /** The CPU that ran last, while it could have gone on; -1 when it could not: then no switch is a preemption. */
  running: number;
  /** Preemptions up to this step and with it. */
  before: number;
  preemptions: number;
}

/** Depth-first over the schedules of one bound: `run` with it until `advance` is false. */
export class BoundedChooser implements Chooser {
  readonly #bound: number;
  readonly #cpuCount: number;
  readonly #nodes: Node[] = [];
  #depth = 0;
  #lastCpu = -1;

  constructor(bound: number, cpuCount: number) {
    this.#bound = bound;
    this.#cpuCount = cpuCount;
  }

  /** What ran, so far. */
  get processes(): number[] {
    return this.#nodes.slice(0, this.#depth).map(({ chosen }) => chosen);
  }

  /** Steps that are the same as in the run before. */
  get prefix(): number {
    return this.#nodes.length;
  }

  choose(enabled: number): number {
    if (this.#depth === this.#nodes.length) this.#nodes.push(this.#open(enabled));
    const { chosen } = this.#nodes[this.#depth++];
    if (chosen < this.#cpuCount) this.#lastCpu = chosen;
    return chosen;
  }

  #open(enabled: number): Node {
    const before = this.#depth === 0 ? 0 : this.#nodes[this.#depth - 1].preemptions;
    const cpus = enabled & ((1 << this.#cpuCount) - 1);
    const running = this.#lastCpu >= 0 && ((cpus >>> this.#lastCpu) & 1) === 1 ? this.#lastCpu : -1;
    const candidates = running >= 0 && before >= this.#bound ? (enabled & ~cpus) | (1 << running) : enabled;
    return this.#take({ chosen: -1, rest: candidates, running, before, preemptions: 0 }, goOn(candidates, running));
  }

  #take(node: Node, chosen: number): Node {
    const preempts = node.running >= 0 && chosen < this.#cpuCount && chosen !== node.running;
    return { ...node, chosen, rest: node.rest & ~(1 << chosen), preemptions: node.before + (preempts ? 1 : 0) };
  }

  stepped(): void {}

  /** Goes to the next schedule. False when there is none. */
  advance(): boolean {
    const nodes = this.#nodes;
    nodes.length = this.#depth;
    this.#depth = 0;
    this.#lastCpu = -1;
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      if (node.rest === 0) continue;
      nodes.push(this.#take(node, lowest(node.rest)));
      return true;
    }
    return false;
  }
}
