// A CPU that costs nothing, for looking at a VM while nobody runs: checks after a run, hashes, set-up that is not measured.

import { COST_NAMES, type Costs } from '../engine/costs.js';
import { Counters } from '../engine/counters.js';
import type { Cpu } from '../engine/cpu.js';

const FREE = Object.fromEntries(COST_NAMES.map((name) => [name, 0])) as Costs;

/** An observer of `words`. Its work is charged to nobody and counted in counters of its own. */
export function observer(words: Int32Array): Cpu {
  const counters = new Counters();
  return {
    id: 0,
    socket: 0,
    words,
    cost: FREE,
    counters,
    ranFor: 0,
    touch: () => false,
    load: (word) => words[word],
    store: (word, value) => {
      words[word] = value;
    },
    cmpxchg: (word, expected, value) => Atomics.compareExchange(words, word, expected, value),
    xchg: (word, value) => Atomics.exchange(words, word, value),
    fetchAdd: (word, delta) => Atomics.add(words, word, delta),
    fetchOr: (word, bits) => Atomics.or(words, word, bits),
    fetchAnd: (word, bits) => Atomics.and(words, word, bits),
    now: () => 0,
    spend: () => undefined,
    chargeLines: () => undefined,
    run: () => false,
    kick: () => undefined,
    needResched: () => false,
  };
}
