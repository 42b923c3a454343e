// What the tests of a protocol have in common: the right version holds in every schedule, and each planted bug is found.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type CheckOptions, type CheckOutcome, runCheck } from '../check.js';
import type { Protocol } from './protocol.js';

const EXHAUSTIVE: CheckOptions = {
  vcpus: 1,
  plant: null,
  memoryOrder: 'sc',
  scheduler: 'exhaustive',
  bound: 2,
  seed: 1,
  schedules: 0,
  maxSteps: 600,
  replay: '',
};

/** A check of a protocol with its usual number of vCPUs: every schedule under sequential consistency, but for `changes`. */
export function checkOf(protocol: Protocol, changes: Partial<CheckOptions> = {}): CheckOutcome {
  return runCheck(protocol, { ...EXHAUSTIVE, vcpus: protocol.vcpus.usual, ...changes });
}

/** Tests that the protocol holds, in `schedules` schedules where they are counted; prints what was run. */
export function itHolds(protocol: Protocol, name: string, changes: Partial<CheckOptions>, schedules?: number): void {
  it(name, (t) => {
    const outcome = checkOf(protocol, changes);
    t.diagnostic(`${outcome.schedules} schedules, ${outcome.pruned} pruned, ${outcome.steps} steps, ${outcome.longest} in the longest`);
    assert.equal(outcome.failure?.message, undefined);
    assert.equal(outcome.verdict, 'holds');
    if (schedules !== undefined) assert.equal(outcome.schedules, schedules);
    assert.ok(outcome.schedules > 1);
  });
}

/** A search for bugs that take every schedule too long: seeded, with at most two changes of priorities. */
export const PCT = { scheduler: 'pct', bound: 3, schedules: 20_000 } as const;

/** Tests that the plant breaks one of `claims`, and that a replay of the schedule breaks it again. `by`: how it is looked for, by default in every schedule. */
export function itFinds(protocol: Protocol, plant: string, claims: readonly string[], by: Partial<CheckOptions> = {}): void {
  it(`finds ${plant}`, () => {
    const known = protocol.plants.find(({ name }) => name === plant);
    assert.ok(known !== undefined, `${protocol.name} has no plant ${plant}`);
    const changes = { plant, vcpus: known.vcpus ?? protocol.vcpus.usual, memoryOrder: known.needsTso === true ? ('tso' as const) : ('sc' as const) };
    const { failure } = checkOf(protocol, { ...changes, ...by });
    assert.ok(failure !== undefined, 'nothing breaks');
    assert.ok(claims.includes(failure.claim), `${failure.claim}: ${failure.message}`);
    const again = checkOf(protocol, { ...changes, scheduler: 'replay', replay: failure.schedule });
    assert.equal(again.failure?.traceHash, failure.traceHash);
  });
}

/** Tests that each plant that needs store buffers goes unseen without them. */
export function itNeedsStoreBuffers(protocol: Protocol): void {
  for (const { name, needsTso } of protocol.plants) {
    if (needsTso !== true) continue;
    it(`does not find ${name} without store buffers`, () => {
      assert.equal(checkOf(protocol, { plant: name }).verdict, 'holds');
    });
  }
}
