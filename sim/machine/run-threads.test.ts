import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, describe, it } from 'node:test';
import { COST_NAMES, type Costs } from '../engine/costs.js';
import { parseSchedstat } from '../engine/threads/schedstat.js';
import type { CountingOptions } from './run-threads.fixture.js';
import { closePools, runScenarioThreads, type ThreadsRun } from './run-threads.js';
import type { MemberReport } from './run-threads-message.js';
import { outcomeOf, UNKNOWN } from './run-threads-outcome.js';

const FIXTURE = new URL('./run-threads.fixture.js', import.meta.url).href;
const COSTS = Object.fromEntries(COST_NAMES.map((name) => [name, 1000])) as Costs;

function run(options: CountingOptions, more: Partial<ThreadsRun> = {}): ReturnType<typeof runScenarioThreads> {
  const scenario = { module: FIXTURE, exportName: 'countingScenario', args: [options] };
  return runScenarioThreads({ scenario, costs: COSTS, seed: 7, timeScale: 0.1, ...more });
}

after(closePools);

describe('runScenarioThreads', () => {
  it('runs every phase, adds up counters and lock statistics, and reports its validity', async () => {
    const outcome = await run({ vcpus: 2, rounds: 300 }, { park: false });
    assert.deepEqual(
      outcome.times.map(({ metric }) => metric),
      ['count', 'read'],
    );
    assert.ok(outcome.times.every(({ ns }) => ns > 0));
    assert.equal(outcome.counters.pageFaults, 600);
    assert.equal(outcome.faults, 600);
    const count = outcome.locks.find(({ lock, site }) => lock === 'mmu_lock' && site === 'count');
    assert.equal(count?.acquisitions, 600);
    assert.ok(count.holdNsTotal <= outcome.times[0].ns);
    assert.equal(outcome.locks.find(({ lock }) => lock === 'slots_lock')?.acquisitions, 1);
    assert.equal(outcome.validity?.perWorker.length, 2);
    assert.equal(outcome.validity.cores, availableParallelism());
    assert.equal(outcome.traceHash, '');
  });

  it('repeats on the same workers and a zeroed arena', async () => {
    for (let repetition = 0; repetition < 3; repetition++) {
      const outcome = await run({ vcpus: 2, rounds: 50 }, { timeScale: 0 });
      assert.equal(outcome.counters.pageFaults, 100);
    }
  });

  it('names the parking lock differently and warns when vCPUs outnumber the cores', async () => {
    const vcpus = availableParallelism() + 3;
    const outcome = await run({ vcpus, rounds: 50 });
    assert.equal(outcome.locks.find(({ site }) => site === 'count')?.lock, 'mmu_lock (qrwlock, parking)');
    assert.equal(outcome.validity?.oversubscribed, true);
    assert.ok(outcome.warnings.some(({ code }) => code === 'oversubscribed'));
  });

  it('ends the run when one thread breaks an invariant, and says which', async () => {
    await assert.rejects(
      run({ vcpus: 2, rounds: 10, failingThread: 1 }),
      /planted failure \[threads engine, seed 7, thread 1 of 3 \(vCPU 1\), phase "count"\]/,
    );
    const again = await run({ vcpus: 2, rounds: 10 });
    assert.equal(again.counters.pageFaults, 20);
  });

  it('names the check when it fails', async () => {
    await assert.rejects(run({ vcpus: 2, rounds: 10, failCheck: true }), /planted in the check \[threads engine, .*, check\]/);
  });

  it('ends a thread that sleeps in Atomics.wait when aborted', async () => {
    const watchdog = new AbortController();
    const running = run({ vcpus: 2, rounds: 10, blockedThread: 0 }, { signal: watchdog.signal });
    setTimeout(() => watchdog.abort(new Error('watchdog')), 200);
    await assert.rejects(running, /watchdog/);
    await assert.rejects(run({ vcpus: 2, rounds: 10 }, { signal: watchdog.signal }), /watchdog/);
  });

  it('names the missing member when the gang cannot meet', async () => {
    const options = { vcpus: 2, rounds: 10, blockedThread: 0 };
    await assert.rejects(run(options, { meetTimeoutMs: 300 }), /Cannot meet at phase "read": .* after 300 ms \(missing 0.*\), expected 3/);
  });

  it('says what it cannot load', async () => {
    const scenario = { module: FIXTURE, exportName: 'nothing', args: [] };
    await assert.rejects(run({ vcpus: 1, rounds: 1 }, { scenario }), /Cannot load scenario: current export "nothing"/);
  });
});

describe('outcomeOf', () => {
  const span = (startPs: number, finishPs: number, runNs: number) => ({ startPs, finishPs, runNs, waitNs: 0 });
  const reports = (spans: MemberReport['spans'][]): MemberReport[] => {
    const phases = [
      { metric: 'dirty', crew: 'vcpus', orderSensitive: true },
      { metric: 'clear', crew: 'all', orderSensitive: false },
    ] as const;
    return spans.map((spans) => ({ phases: [...phases], spans, locks: [], lockSites: [], stateHash: '', stalls: [] }));
  };

  it('measures from the first start to the last finish, and the ioctl thread where all run', () => {
    const members = reports([
      [span(1e6, 5e6, 4e3), span(0, 9e6, 1)],
      [span(2e6, 6e6, 4e3), span(0, 9e6, 1)],
      [null, span(1e6, 4e6, 1)],
    ]);
    const outcome = outcomeOf({ reports: members, counters: { pageFaults: 3 }, cores: 2 });
    assert.deepEqual(
      outcome.times.map(({ ns }) => ns),
      [5000, 3000],
    );
    assert.equal(outcome.validity?.effectiveParallelism, 0.8);
    assert.deepEqual(
      outcome.warnings.map(({ code }) => code),
      ['low-parallelism'],
    );
  });

  it('knows no effective parallelism where the host does not tell', () => {
    const outcome = outcomeOf({
      reports: reports([
        [span(0, 1e6, -1), null],
        [null, span(0, 1e6, -1)],
      ]),
      counters: {},
      cores: 2,
    });
    assert.equal(outcome.validity?.effectiveParallelism, UNKNOWN);
    assert.deepEqual(
      outcome.warnings.map(({ code }) => code),
      ['no-schedstat'],
    );
  });
});

describe('parseSchedstat', () => {
  it('reads run and wait time', () => {
    assert.deepEqual(parseSchedstat('657591 43130 2\n'), { runNs: 657591, waitNs: 43130 });
  });
  it('refuses anything else', () => {
    assert.equal(parseSchedstat(''), undefined);
    assert.equal(parseSchedstat('0 0'), undefined);
  });
});
