// Records of checks for tests: right versions that hold, one that is unfinished, planted bugs with two and with four actors. No search involved.

import { CHECK_STEPS_MAX, type CheckRecord, SCHEMA_VERSION } from '../bench/results/index.js';
import { HOSTILE } from './records.fixture.js';

type Failure = NonNullable<CheckRecord['failure']>;

/** One record; every field can be replaced. */
export function checkFixture(changes: Partial<CheckRecord> = {}): CheckRecord {
  const plant = changes.plant?.name ?? 'none';
  const options: CheckRecord['options'] = {
    vcpus: 2,
    memoryOrder: 'sc',
    scheduler: 'exhaustive',
    bound: 2,
    seed: 1,
    schedules: 0,
    maxSteps: CHECK_STEPS_MAX,
    ...changes.options,
  };
  return {
    schemaVersion: SCHEMA_VERSION,
    kind: 'check',
    cell: `check ${changes.protocol ?? 'write-protect'} plant=${plant} ${JSON.stringify(options)}`,
    protocol: 'write-protect',
    summary: 'a fault makes an spte writable while another CPU write-protects it',
    claims: [
      { name: 'no-lost-write', claim: 'a page that was written after its bit was read is in the next dirty log' },
      { name: 'tlb-agrees', claim: 'no TLB maps a page writable that the page table protects' },
    ],
    plant: null,
    verdict: 'holds',
    actors: ['vCPU 0', 'ioctl'],
    schedules: 123_456,
    pruned: 7_890,
    steps: 4_567_890,
    longest: 58,
    coarse: 0,
    commit: '1234567',
    host: { node: 'v20.20.2', platform: 'linux', arch: 'x64', cpu: 'Fixture CPU @ 2.0GHz', cores: 2, memoryBytes: 8 * 1024 ** 3 },
    wall: { startedAt: '2025-01-01T00:00:00.000Z', seconds: 3.5 },
    ...changes,
    options,
  };
}

/** A failing schedule in which the actors take turns, every third step of no matter to others. */
export function failureFixture(actors: readonly string[], changes: Partial<Failure> = {}): Failure {
  const deeds = ['reads spte of gfn 3: writable, not yet dirty', 'write-protects spte of gfn 3', 'tests and clears the dirty bit of gfn 3', 'flushes TLBs'];
  const history = Array.from({ length: 9 }, (_, index) => ({
    step: index + 1,
    actor: index % actors.length,
    what: deeds[index % deeds.length],
    matters: index % 3 !== 2,
  }));
  const message = 'gfn 3 was written after its dirty bit had been read, and is in no dirty log';
  return { claim: 'no-lost-write', message, schedule: 'a3b2a1', history, traceHash: '0123456789abcdef', ...changes };
}

/** A table of checks. */
export function checksFixture(): CheckRecord[] {
  const base = checkFixture().options;
  const crowd = ['vCPU 0', 'vCPU 1', 'vCPU 2', 'host thread'];
  return [
    checkFixture(),
    checkFixture({ options: { ...base, memoryOrder: 'tso' }, verdict: 'unfinished', schedules: 9_876_543 }),
    checkFixture({
      plant: { name: 'no-retry', what: 'the fault believes an spte that it read before it was suspended' },
      verdict: 'broken',
      failure: failureFixture(['vCPU 0', 'ioctl']),
    }),
    checkFixture({
      protocol: 'root-switch',
      summary: 'a new root takes the place of the old one beside running vCPUs',
      plant: { name: 'late-load', what: 'the new root is loaded before its generation is', needsTso: true },
      options: { ...base, vcpus: 3, memoryOrder: 'tso' },
      actors: crowd,
      verdict: 'broken',
      failure: failureFixture(crowd, { schedule: 'a1b1c1d1'.repeat(40) }),
    }),
    checkFixture({ protocol: 'root-switch', options: { ...base, scheduler: 'random', seed: 7, schedules: 10_000 }, schedules: 10_000, pruned: 0 }),
    checkFixture({ protocol: 'root-switch', plant: { name: 'no-kick', what: 'nobody kicks the vCPUs' }, verdict: 'holds' }),
    checkFixture({
      protocol: 'mmu-lock',
      summary: 'the queued rwlock',
      verdict: 'broken',
      failure: failureFixture(['CPU 0', 'CPU 1'], { claim: 'exclusion' }),
    }),
  ];
}

/** Records with a hostile string wherever a results file may hold a string. */
export function hostileChecks(): CheckRecord[] {
  const failure = failureFixture([HOSTILE, HOSTILE], { claim: HOSTILE, message: HOSTILE, schedule: HOSTILE, traceHash: HOSTILE });
  const hostile = checkFixture({
    protocol: HOSTILE,
    cell: HOSTILE,
    summary: HOSTILE,
    claims: [{ name: HOSTILE, claim: HOSTILE }],
    plant: { name: HOSTILE, what: HOSTILE },
    plugin: HOSTILE,
    actors: [HOSTILE, HOSTILE],
    verdict: 'broken',
    failure: { ...failure, history: failure.history.map((step) => ({ ...step, what: `${HOSTILE}${'x'.repeat(300)}` })) },
    commit: HOSTILE,
  });
  return [hostile, { ...hostile, cell: `${HOSTILE} right`, plant: null }];
}
