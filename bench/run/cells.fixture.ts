// A suite without a simulator, and cells of it: for tests of the harness.

import type { MachineProfile, RunOutcome } from '../../sim/index.js';
import type { CellOptions, Suite, SuiteSimulation } from '../suites/index.js';
import type { PlannedCell } from './plan.js';
import type { Provenance } from './record.js';

export const FAKE_PROVENANCE: Provenance = {
  commit: 'abc',
  host: { node: 'v20.0.0', platform: 'linux', arch: 'x64', cpu: 'Fake CPU', cores: 2, memoryBytes: 2 ** 30 },
};

/** An outcome with one exact and one order-sensitive time. */
export function fakeOutcome(changes: Partial<RunOutcome> = {}): RunOutcome {
  return {
    times: [
      { metric: 'setup', ns: 100, orderSensitive: false },
      { metric: 'pass_iter1', ns: 2000, orderSensitive: true },
    ],
    counters: { pageFaults: 3 },
    locks: [],
    stalls: [],
    warnings: [],
    traceHash: '0011223344556677',
    stateHash: '8899aabbccddeeff',
    faults: 3,
    ...changes,
  };
}

export const FAKE_SUITE: Suite = {
  name: 'fake',
  summary: 'nothing',
  examples: [],
  options: [{ long: 'vcpus', value: '<list>', field: 'vcpus', description: 'vCPUs' }],
  metrics: [
    { name: 'setup', unit: 'ns', better: 'smaller', description: 'setting up' },
    { name: 'pass_iterN', unit: 'ns', better: 'smaller', description: 'pass N' },
    { name: 'footprint', unit: 'bytes', better: 'smaller', description: 'memory' },
  ],
  profile: 'fake-host',
  headline: 'pass_iter1',
  plan: () => [],
  weight: ({ vcpus }) => Number(vcpus),
  load: () => Promise.reject(new Error('the fake suite has no simulator')),
};

/** A cell of the fake suite; its weight and arena follow its vCPUs. */
export function fakeCell(vcpus: number, changes: Partial<PlannedCell> = {}): PlannedCell {
  const options: CellOptions = { vcpus };
  return {
    suite: FAKE_SUITE,
    simulation: { defaults: options } as SuiteSimulation,
    engine: 'virtual',
    options,
    key: `fake engine=virtual profile=fake-host vcpus=${vcpus}`,
    machine: { profile: {} as MachineProfile, source: 'fake-host', record: { name: 'fake-host', hash: '0123456789ab', overrides: [] } },
    seeds: [1],
    arenaBytes: vcpus,
    weight: vcpus,
    ...changes,
  };
}
