// Textbook cases with known answers, for tests of the explore engine.

import type { Cpu, KernelPath } from '../../engine/cpu.js';
import { BrokenClaim, type Protocol, type ProtocolParts } from './protocol.js';

/** What all litmus cases have in common: two words and what each CPU read. */
function litmus(
  name: string,
  parts: { plants?: Protocol['plants']; thread(cpu: Cpu, at: Litmus): KernelPath; broken(at: Litmus): string | undefined },
): Protocol {
  return {
    name,
    summary: `litmus test ${name}`,
    claims: [{ name: 'outcome', claim: 'the forbidden outcome does not happen' }],
    plants: parts.plants ?? [],
    vcpus: { min: 2, max: 3, usual: 2 },
    interruptible: ['lock'],
    actors: ({ vcpus }) => Array.from({ length: vcpus }, (_, id) => `CPU ${id}`),
    arenaWords: () => 256,
    build: ({ arena, locks, cpus }, { plant, vcpus }) => {
      const at: Litmus = {
        x: arena.carveLine('x'),
        y: arena.carveLine('y'),
        lock: locks.spinLock('lock', 'queued'),
        plant,
        vcpus,
        words: arena.words,
        read: [],
      };
      return {
        paths: () => cpus.map((cpu) => parts.thread(cpu, at)),
        atEnd: () => {
          const message = parts.broken(at);
          if (message !== undefined) throw new BrokenClaim('outcome', message);
        },
        nameOf: (word) => (word === at.x ? 'x' : word === at.y ? 'y' : undefined),
      };
    },
  };
}

interface Litmus {
  x: number;
  y: number;
  lock: ReturnType<ProtocolParts['locks']['spinLock']>;
  plant: string | null;
  vcpus: number;
  words: Int32Array;
  read: number[];
}

/** Each CPU stores one word and loads the other: both read 0 only where stores are buffered. With plant 'no-fence' nothing orders them. */
export const storeBuffering = litmus('store-buffering', {
  plants: [{ name: 'no-fence', what: 'no fence between the store and the load', needsTso: true }],
  *thread(cpu, { x, y, plant, read }) {
    if (cpu.id > 1) return;
    const [mine, other] = cpu.id === 0 ? [x, y] : [y, x];
    if (cpu.touch(mine)) yield;
    cpu.store(mine, 1);
    if (plant !== 'no-fence') {
      if (cpu.run(1)) yield;
      cpu.fence();
    }
    if (cpu.touch(other)) yield;
    read[cpu.id] = cpu.load(other);
  },
  broken: ({ read }) => (read[0] === 0 && read[1] === 0 ? 'both read 0' : undefined),
});

/** Each CPU adds one, in a load and a store: with plant 'no-lock' an addition is lost. */
export const counter = litmus('counter', {
  plants: [{ name: 'no-lock', what: 'the counter is changed without the lock' }],
  *thread(cpu, { x, lock, plant }) {
    if (plant !== 'no-lock' && lock.lock(cpu, 0)) yield;
    if (cpu.touch(x)) yield;
    const value = cpu.load(x);
    if (cpu.touch(x)) yield;
    cpu.store(x, value + 1);
    if (plant !== 'no-lock' && lock.unlock(cpu)) yield;
  },
  broken: ({ words, x, vcpus }) => (words[x] === vcpus ? undefined : `${vcpus} CPUs added one each, the sum is ${words[x]}`),
});

/** CPU 1 sleeps until CPU 0 has stored: with plant 'late-prepare' it looks before it prepares to sleep, and the wakeup is lost. */
export const wakeup = litmus('wakeup', {
  plants: [{ name: 'late-prepare', what: 'the sleeper looks first and prepares to sleep then' }],
  *thread(cpu, { x, plant }) {
    if (cpu.id > 1) return;
    if (cpu.id === 0) {
      if (cpu.touch(x)) yield;
      cpu.store(x, 1);
      if (cpu.run(1)) yield;
      cpu.wake(1);
      return;
    }
    if (plant !== 'late-prepare') cpu.prepareToSleep();
    if (cpu.touch(x)) yield;
    const seen = cpu.load(x);
    if (plant === 'late-prepare') {
      if (cpu.run(1)) yield;
      cpu.prepareToSleep();
    }
    if (seen === 0 && cpu.schedule('x')) yield;
    cpu.cancelSleep();
  },
  broken: () => undefined,
});

/** A plain function under a lock stores two words; a CPU without the lock sees them change one by one, and never the second first. */
export const plainStores = litmus('plain-stores', {
  plants: [{ name: 'other-order', what: 'the second word is stored first' }],
  *thread(cpu, { x, y, lock, plant, read }) {
    if (cpu.id === 0) {
      if (lock.lock(cpu, 0)) yield;
      storeBoth(cpu, plant === 'other-order' ? [y, x] : [x, y]);
      if (lock.unlock(cpu)) yield;
    } else if (cpu.id === 1) {
      if (cpu.touch(y)) yield;
      read[1] = cpu.load(y);
      if (cpu.touch(x)) yield;
      read[0] = cpu.load(x);
    }
  },
  broken: ({ read }) => (read[1] === 1 && read[0] === 0 ? 'y is there, and x is not' : undefined),
});

function storeBoth(cpu: Cpu, [first, second]: readonly number[]): void {
  cpu.store(first, 1);
  cpu.store(second, 1);
}
