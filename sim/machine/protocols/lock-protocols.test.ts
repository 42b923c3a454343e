import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Protocol } from './protocol.js';
import { qrwlockProtocol } from './qrwlock.js';
import { queuedSpinlockProtocol } from './queued-spinlock.js';
import { searchAtRandom, type Waiting } from './random-driver.kit.js';

const SCHEDULES = 3000;

/** Enough for the rarest: the sleeper over a withdrawn pending bit is met once in some 2000 schedules. */
const SCHEDULES_FOR_A_PLANT = 20_000;

/** Where each plant must show. A CPU that sleeps for ever is a lost wakeup: spinning waiters have none. */
const QUEUED_SPINLOCK_PLANTS = {
  'lost-pending-withdraw': /^deadlock: .*spins on lock word/,
  'no-wake-after-withdraw': /^deadlock: .*CPU \d sleeps on lock word/,
  'pending-past-queue': /^fifo: /,
  'head-ignores-pending': /^(fifo|mutual-exclusion|deadlock): /,
  'head-grants-before-locking': /^(fifo|mutual-exclusion|deadlock): /,
  'tail-not-rechecked': /^deadlock: .*CPU \d (spins|sleeps) on (granted|next) of CPU \d's node/,
  'mcs-node-not-cleared': /^(fifo|mutual-exclusion|no-lost-hand-off|deadlock): /,
};

const QRWLOCK_PLANTS = {
  'reader-does-not-back-out': /^deadlock: .*on count/,
  'reader-ignores-waiting': /^writer-first: /,
  'writer-ignores-readers': /^mutual-exclusion: /,
  'waiting-bit-not-set': /^writer-first: /,
  'no-wake': /^deadlock: .*CPU \d sleeps on count/,
};

const NEED_SLEEPERS = ['no-wake-after-withdraw', 'no-wake'];

function describeProtocol(protocol: Protocol, plants: Readonly<Record<string, RegExp>>): void {
  const { min, max, usual } = protocol.vcpus;
  describe(`the protocol ${protocol.name}`, () => {
    for (let vcpus = min; vcpus <= max; vcpus++) {
      for (const waiting of ['spin', 'park'] as const) {
        it(`holds for ${vcpus} CPUs that ${waiting}, over ${SCHEDULES} random schedules`, () => {
          assert.equal(search(protocol, { vcpus, plant: null, waiting, schedules: SCHEDULES }), null);
        });
      }
    }
    it('has a plant for each way to break it that is tried here', () => {
      assert.deepEqual(
        protocol.plants.map(({ name }) => name),
        Object.keys(plants),
      );
    });
    for (const [plant, found] of Object.entries(plants)) {
      const waiting = NEED_SLEEPERS.includes(plant) ? 'park' : 'spin';
      it(`finds the plant ${plant} with ${usual} CPUs that ${waiting}`, () => {
        assert.match(search(protocol, { vcpus: usual, plant, waiting, schedules: SCHEDULES_FOR_A_PLANT }) ?? 'nothing', found);
      });
    }
  });
}

function search(protocol: Protocol, how: { vcpus: number; plant: string | null; waiting: Waiting; schedules: number }): string | null {
  const { vcpus, plant, waiting, schedules } = how;
  return searchAtRandom(protocol, { vcpus, plant }, { waiting, schedules, seed: 1 });
}

describeProtocol(queuedSpinlockProtocol, QUEUED_SPINLOCK_PLANTS);
describeProtocol(qrwlockProtocol, QRWLOCK_PLANTS);

describe('the plants of the lock protocols that lose a wakeup', () => {
  for (const [protocol, plant] of [
    [queuedSpinlockProtocol, 'no-wake-after-withdraw'],
    [qrwlockProtocol, 'no-wake'],
  ] as const) {
    it(`${protocol.name}: ${plant} does no harm to CPUs that spin`, () => {
      assert.equal(search(protocol, { vcpus: 3, plant, waiting: 'spin', schedules: SCHEDULES }), null);
    });
  }
});
