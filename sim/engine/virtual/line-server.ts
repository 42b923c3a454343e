// A cache line that many CPUs write: it serves one at a time, in order of arrival, and each pays for its way from the CPU that had it before.

import type { VirtualCpu } from './virtual-cpu.js';

const NOBODY = -1;

export class LineServer {
  /** CPU that had it last, -1 for none. */
  owner = NOBODY;
  /** When it is free again, picoseconds. */
  freeAt = 0;

  /** One atomic read-modify-write. */
  modify(cpu: VirtualCpu): void {
    this.#serve(cpu, this.owner === NOBODY ? 0 : cpu.lines.atomicTransfer(this.owner, cpu.id));
  }

  /** `lines` such lines, which always go together, are written. */
  write(cpu: VirtualCpu, lines: number): void {
    this.#serve(cpu, this.owner === NOBODY ? 0 : lines * cpu.lines.transfer(this.owner, cpu.id));
  }

  #serve(cpu: VirtualCpu, transferPs: number): void {
    this.hold(cpu, (cpu.time > this.freeAt ? cpu.time : this.freeAt) + transferPs);
  }

  /** The CPU has the line, and goes on, from `time` on. */
  hold(cpu: VirtualCpu, time: number): void {
    cpu.time = time;
    this.owner = cpu.id;
    this.freeAt = time;
  }
}
