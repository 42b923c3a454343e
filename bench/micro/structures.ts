// `mmulab bench structures`: every operation of every memslot structure and of its peers, over the sizes.

import { KVM_USER_MEM_SLOTS } from '../../sim/index.js';
import type { Kind, Maker } from './contestant.js';
import { type Measured, measureTasks } from './measure.js';
import { OURS } from './ours.js';
import { loadPeers } from './peers.js';
import { SETS } from './sets.js';
import { enter, tasksOf } from './tasks.js';
import { makeWorkload, type Workload } from './workload.js';

const KINDS: readonly Kind[] = ['gfn', 'hva', 'whole'];

export interface BenchOptions {
  /** Memslots, in the order in which they are measured. */
  sizes: readonly number[];
  passes: number;
  onSize?(n: number, seconds: number): void;
  onNote?(line: string): void;
}

/** What was measured, operation by operation as tables list it. */
export async function benchStructures({ sizes, passes, onSize, onNote }: BenchOptions): Promise<Measured[]> {
  const { makers, notes } = await loadPeers();
  for (const note of notes) onNote?.(note);
  const measured: Measured[] = [];
  for (const n of sizes) {
    const startMs = performance.now();
    const workload = makeWorkload(n);
    for (const kind of KINDS)
      measured.push(
        ...benchKind(
          [...SETS, ...OURS, ...makers].filter((maker) => maker.kind === kind && fits(maker, n)),
          workload,
          passes,
        ),
      );
    onSize?.(n, (performance.now() - startMs) / 1000);
  }
  return measured;
}

/** Whole structures have no more memslots than KVM gives a VM. */
function fits(maker: Maker, n: number): boolean {
  return maker.kind !== 'whole' || n <= KVM_USER_MEM_SLOTS;
}

function benchKind(makers: readonly Maker[], workload: Workload, passes: number): Measured[] {
  const tasks = makers.flatMap((maker) => tasksOf(enter(maker, workload), workload));
  return measureTasks(tasks, passes);
}
