// Stalls of guest accesses, by phase: all vCPUs of one world add to one pair of histograms.

import { summarize } from '../engine/histogram.js';
import { Stalls, type Vcpu } from '../kvm/vcpu.js';
import type { StallReport } from './cell.js';

export class StallBook {
  readonly #stalls = new Map<string, { read: Stalls; write: Stalls }>();

  /** From now on the stalls of `vcpu` belong to `phase`. */
  collect(phase: string, vcpu: Vcpu): void {
    const ofPhase = this.#stalls.get(phase) ?? { read: new Stalls(), write: new Stalls() };
    this.#stalls.set(phase, ofPhase);
    vcpu.readStalls = ofPhase.read;
    vcpu.writeStalls = ofPhase.write;
  }

  reports(): StallReport[] {
    return [...this.#stalls].flatMap(([phase, { read, write }]) => [...report(phase, 'read', read), ...report(phase, 'write', write)]);
  }
}

function report(phase: string, kind: 'read' | 'write', stalls: Stalls): StallReport[] {
  const { count, totalPs, maxPs, histogram } = stalls;
  if (count === 0) return [];
  const maxNs = Math.round(maxPs / 1000);
  return [{ phase, kind, count, totalNs: Math.round(totalPs / 1000), maxNs, histogram: summarize(histogram, maxNs) }];
}
