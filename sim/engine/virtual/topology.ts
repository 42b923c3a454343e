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
    const core = socket * topology.coresPerSocket + (load[socket]++ % topology.coresPerSocket);
    places.push({ socket, core, siblingBusy: false });
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
export function costsAt(place: Place, costNs: Record<CostName, number>, smt: SmtFactors): Costs {
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

  constructor(places: Place[], costs: Pick<Costs, 'line_sibling' | 'line_local' | 'line_remote'>) {
    this.#cores = Int32Array.from(places, ({ core }) => core);
    this.#sockets = Int32Array.from(places, ({ socket }) => socket);
    this.#sibling = costs.line_sibling;
    this.#local = costs.line_local;
    this.#remote = costs.line_remote;
  }

  /** Picoseconds; 0 from a thread to itself. */
  transfer(from: number, to: number): number {
    if (from === to) return 0;
    if (this.#sockets[from] !== this.#sockets[to]) return this.#remote;
    return this.#cores[from] === this.#cores[to] ? this.#sibling : this.#local;
  }
}
