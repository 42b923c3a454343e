import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arena } from '../memory/arena.js';
import { Observer } from './observer.js';
import { Rcu } from './rcu.js';

class NumberedCpu extends Observer {
  override readonly id: number;

  constructor(words: Int32Array, id: number) {
    super(words);
    this.id = id;
  }
}

function setUp() {
  const arena = Arena.ofWords(Rcu.arenaWords(3));
  const cpus = [0, 1, 2].map((id) => new NumberedCpu(arena.words, id));
  return { rcu: new Rcu(arena, 3), cpus };
}

describe('Rcu', () => {
  it('is over at once when nobody reads', () => {
    const { rcu, cpus } = setUp();
    assert.equal(rcu.isOver(cpus[0], rcu.startGracePeriod(cpus[0])), true);
  });

  it('waits for a reader that was there before, until it has left', () => {
    const { rcu, cpus } = setUp();
    rcu.readLock(cpus[1]);
    const cookie = rcu.startGracePeriod(cpus[0]);
    assert.equal(rcu.isOver(cpus[0], cookie), false);
    rcu.readUnlock(cpus[1]);
    assert.equal(rcu.isOver(cpus[0], cookie), true);
  });

  it('does not wait for one that came later, nor for one that left and came again', () => {
    const { rcu, cpus } = setUp();
    rcu.readLock(cpus[2]);
    const cookie = rcu.startGracePeriod(cpus[0]);
    rcu.readLock(cpus[1]);
    rcu.readUnlock(cpus[2]);
    rcu.readLock(cpus[2]);
    assert.equal(rcu.isOver(cpus[0], cookie), true);
    assert.equal(rcu.isOver(cpus[0], rcu.startGracePeriod(cpus[0])), false);
  });
});
