// Where threads run, and what a cache line costs between any two of them.
//
// Threads fill socket 0 up to `packThreads` (the scheduler leaves small gangs on one node), then go to the socket with fewest;
// within a socket, physical cores before SMT siblings. More threads than logical CPUs: further sockets of the same kind.

import type { CostName } from '../costs.js';
import { COST_NAMES, COST_TABLE, type Costs, type SmtClass } from '../costs.js';

export interface Topology {
  sockets: number;
  coresPerSocket: number;
  threadsPerCore: number;
  /** Threads that socket 0 takes before the others get any. */
  packThreads: number;
}

export type SmtFactors = Record<Exclude<SmtClass, 'none'>, number>;

export interface Place {
  socket: number;
  /** Physical core, counted over the whole host. */
  core: number;
  /** Hardware thread of that core. */
  hwThread: number;
  /** True when another thread runs on the same physical core. */
  siblingBusy: boolean;
}

/** The place of each thread, in the order in which they are started. */
export function placeThreads(threadCount: number, topology: Topology): Place[] {
  const perSocket = topology.coresPerSocket * topology.threadsPerCore;
  const sockets = Math.max(topology.sockets, Math.ceil(threadCount / perSocket));
  const load = new Array<number>(sockets).fill(0);
  const places: Place[] = [];
  for (let i = 0; i < threadCount; i++) {
    const socket = load[0] < Math.min(topology.packThreads, perSocket) ? 0 : leastLoaded(load);
    const nth = load[socket]++;
    const core = socket * topology.coresPerSocket + (nth % topology.coresPerSocket);
    places.push({ socket, core, hwThread: Math.floor(nth / topology.coresPerSocket), siblingBusy: false });
  }
  for (const place of places) place.siblingBusy = places.some((other) => other !== place && other.core === place.core);
  return places;
}

function leastLoaded(load: number[]): number {
  let best = 0;
  for (let socket = 1; socket < load.length; socket++) if (load[socket] < load[best]) best = socket;
  return best;
}

/** Costs of a thread at `place`, in integer picoseconds: the profile's nanoseconds, slowed by a busy sibling. */
export function costsAt(place: Pick<Place, 'siblingBusy'>, costNs: Record<CostName, number>, smt: SmtFactors): Costs {
  const costs = {} as Costs;
  for (const name of COST_NAMES) {
    const smtClass: SmtClass = COST_TABLE[name][0];
    const factor = place.siblingBusy && smtClass !== 'none' ? smt[smtClass] : 1;
    costs[name] = Math.round(costNs[name] * factor * 1000);
  }
  return costs;
}

/** What it costs to move a cache line from one thread to another: by core and socket, so that the table stays small for any number of threads. */
export class LineCosts {
  readonly #cores: Int32Array;
  readonly #sockets: Int32Array;
  readonly #sibling: number;
  readonly #local: number;
  readonly #remote: number;
  readonly #atomic: number;

  constructor(places: readonly Pick<Place, 'core' | 'socket'>[], costs: Pick<Costs, 'line_sibling' | 'line_local' | 'line_remote' | 'line_atomic'>) {
    this.#cores = Int32Array.from(places, ({ core }) => core);
    this.#sockets = Int32Array.from(places, ({ socket }) => socket);
    this.#sibling = costs.line_sibling;
    this.#local = costs.line_local;
    this.#remote = costs.line_remote;
    this.#atomic = costs.line_atomic;
  }

  /** A thread runs somewhere else from now on. */
  move(thread: number, to: Pick<Place, 'core' | 'socket'>): void {
    this.#cores[thread] = to.core;
    this.#sockets[thread] = to.socket;
  }

  isRemote(from: number, to: number): boolean {
    return this.#sockets[from] !== this.#sockets[to];
  }

  /** As `transfer`, for an atomic read-modify-write. */
  atomicTransfer(from: number, to: number): number {
    return from === to ? 0 : this.transfer(from, to) + this.#atomic;
  }

  /** Picoseconds; 0 from a thread to itself. */
  transfer(from: number, to: number): number {
    if (from === to) return 0;
    if (this.#sockets[from] !== this.#sockets[to]) return this.#remote;
    return this.#cores[from] === this.#cores[to] ? this.#sibling : this.#local;
  }
}
