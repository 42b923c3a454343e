import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COST_NAMES, type CostName, type Costs } from '../costs.js';
import { costsAt, LineCosts, placeThreads } from './topology.js';

const HOST = { sockets: 2, coresPerSocket: 24, threadsPerCore: 2, packThreads: 12 };
const socketsOf = (threads: number) => {
  const count = [0, 0];
  for (const { socket } of placeThreads(threads, HOST)) count[socket]++;
  return count;
};

describe('placeThreads', () => {
  it('fills socket 0 up to packThreads, then evens out', () => {
    assert.deepEqual(socketsOf(9), [9, 0]);
    assert.deepEqual(socketsOf(17), [12, 5]);
    assert.deepEqual(socketsOf(33), [17, 16]);
    assert.deepEqual(socketsOf(65), [33, 32]);
  });

  it('takes physical cores before SMT siblings', () => {
    assert.equal(placeThreads(33, HOST).filter(({ siblingBusy }) => siblingBusy).length, 0);
    const busy = placeThreads(65, HOST).filter(({ siblingBusy }) => siblingBusy);
    assert.equal(busy.length, 34, '17 of the 48 cores hold two threads');
    assert.equal(placeThreads(65, HOST)[0].siblingBusy, true, 'the ioctl thread, placed first, shares its core');
  });

  it('adds sockets of the same kind when threads outnumber logical CPUs', () => {
    const places = placeThreads(513, HOST);
    assert.equal(Math.max(...places.map(({ socket }) => socket)), Math.ceil(513 / 48) - 1);
    const perCore = new Map<number, number>();
    for (const { core } of places) perCore.set(core, (perCore.get(core) ?? 0) + 1);
    assert.ok([...perCore.values()].every((threads) => threads <= 2));
  });
});

describe('costsAt and LineCosts', () => {
  const ns = Object.fromEntries(COST_NAMES.map((name, index) => [name, index + 1])) as Record<CostName, number>;

  it('slows work by the class of its cost, in integer picoseconds', () => {
    const smt = { core: 1.5, issue: 2, memory: 1.25 };
    const busy = costsAt({ siblingBusy: true }, { ...ns, map_direct: 100, rmap_scan: 3, guest_write: 40, srcu_grace_period: 7 }, smt);
    assert.deepEqual([busy.map_direct, busy.rmap_scan, busy.guest_write, busy.srcu_grace_period], [150_000, 6000, 50_000, 7000]);
    for (const name of COST_NAMES) assert.ok(Number.isInteger(busy[name]), name);
  });

  it('tells the sibling, the socket and the other socket apart', () => {
    const costs = { line_sibling: 1, line_local: 2, line_remote: 3 } as Costs;
    const places = [
      { socket: 0, core: 0, siblingBusy: true },
      { socket: 0, core: 0, siblingBusy: true },
      { socket: 0, core: 1, siblingBusy: false },
      { socket: 1, core: 2, siblingBusy: false },
    ];
    const lines = new LineCosts(places, costs);
    assert.deepEqual(
      [0, 1, 2, 3].map((to) => lines.transfer(0, to)),
      [0, 1, 2, 3],
    );
  });
});
