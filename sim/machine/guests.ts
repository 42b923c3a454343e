// The vCPUs of a world with what their guests do: made when a thread first asks for its own.

import type { Cpu } from '../engine/cpu.js';
import { AccessPattern } from '../guest/access-pattern.js';
import { Vcpu } from '../kvm/vcpu.js';

export interface Guest {
  vcpu: Vcpu;
  pattern: AccessPattern;
}

export class Guests {
  readonly #guests = new Map<number, Guest>();
  readonly #seed: number;

  /** The guest of vCPU n draws its random numbers from `seed` + n. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  of(cpu: Cpu): Guest {
    let own = this.#guests.get(cpu.id);
    if (own === undefined) {
      own = { vcpu: new Vcpu(cpu), pattern: new AccessPattern(this.#seed + cpu.id) };
      this.#guests.set(cpu.id, own);
    }
    return own;
  }
}
