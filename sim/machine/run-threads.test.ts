import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, describe, it } from 'node:test';
import { COST_NAMES, type Costs } from '../engine/costs.js';
import { parseSchedstat } from '../engine/threads/schedstat.js';
import { loadProfile } from './profile.js';
import { type CountingOptions, type ServedOptions, servedScenario } from './run-threads.fixture.js';
import { closePools, runScenarioThreads, type ThreadsRun } from './run-threads.js';
import type { MemberReport } from './run-threads-message.js';
import { outcomeOf, UNKNOWN } from './run-threads-outcome.js';
import { runScenarioVirtual } from './run-virtual.js';

const FIXTURE = new URL('./run-threads.fixture.js', import.meta.url).href;
const COSTS = Object.fromEntries(COST_NAMES.map((name) => [name, 1000])) as Costs;

function run(options: CountingOptions, more: Partial<ThreadsRun> = {}): ReturnType<typeof runScenarioThreads> {
  const scenario = { module: FIXTURE, exportName: 'countingScenario', args: [options] };
  return runScenarioThreads({ scenario, costs: COSTS, seed: 7, timeScale: 0.1, ...more });
}

function serve(options: ServedOptions, more: Partial<ThreadsRun> = {}): ReturnType<typeof runScenarioThreads> {
  const scenario = { module: FIXTURE, exportName: 'servedScenario', args: [options] };
  return runScenarioThreads({ scenario, costs: COSTS, seed: 7, timeScale: 0, ...more });
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

describe('runScenarioThreads with services', () => {
  it('lasts until the last vCPU is served, with rates over that time and one row for locks of one name', async () => {
    const options = { vcpus: 3, services: 2, requests: 200 };
    const outcome = await serve(options);
    const [{ metric, ns }] = outcome.times;
    assert.equal(metric, 'serve');
    assert.deepEqual(outcome.values, [{ metric: 'answers', value: 600 / (ns / 1e9), orderSensitive: true }]);
    assert.deepEqual(
      outcome.locks.map(({ acquisitions }) => acquisitions),
      [600],
    );
    assert.equal(outcome.validity?.perWorker.length, 3);
    const virtual = runScenarioVirtual(servedScenario(options), { profile: loadProfile('intel-2s48c-2022'), seed: 1 });
    assert.equal(virtual.locks[0].acquisitions, 600);
  });

  it('says which vCPU nobody has woken, and what it waits for', async () => {
    const running = serve({ vcpus: 2, services: 1, requests: 3, forgetful: true }, { lockTimeoutMs: 200 });
    await assert.rejects(
      running,
      /CPU [01] waits for "an answer" and nobody woke it for 200 ms \[threads engine, seed 7, thread [01] of 4 \(vCPU [01]\), phase "serve"\]/,
    );
  });

  it('lets services sleep for as long as a vCPU runs', async () => {
    const outcome = await serve({ vcpus: 1, services: 2, requests: 1, idleMs: 500 }, { lockTimeoutMs: 100 });
    assert.ok(outcome.times[0].ns > 400e6);
  });

  it('parks when vCPUs and services outnumber the cores', async () => {
    const outcome = await serve({ vcpus: 1, services: availableParallelism(), requests: 1 });
    assert.equal(outcome.locks[0].lock, 'shard (qspinlock, parking)');
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
    const outcome = outcomeOf({ reports: members, vcpuCount: 2, counters: { pageFaults: 3 }, cores: 2 });
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

  it('measures vCPUs that are served by their own finish, and asks of the host only the time that they were ready', () => {
    const phase = { metric: 'serve', crew: 'served', orderSensitive: true } as const;
    const member = (mine: MemberReport['spans'][number]): MemberReport => ({
      phases: [phase],
      spans: [mine],
      locks: [],
      lockSites: [],
      stateHash: '',
      stalls: [],
      rates: [{ metric: 'rate', during: 'serve', things: 10 }],
    });
    const vcpus = [span(1e6, 5e6, 1000), span(2e6, 6e6, 500)].map((own) => member({ ...own, waitNs: 500 }));
    const others = [member(span(0, 9e6, 1)), member(span(0, 8e6, 8000))];
    const outcome = outcomeOf({ reports: [...vcpus, ...others], vcpuCount: 2, counters: {}, cores: 2 });
    assert.deepEqual(
      outcome.times.map(({ ns }) => ns),
      [5000],
    );
    assert.deepEqual(outcome.values, [{ metric: 'rate', value: 10 / (5000 / 1e9), orderSensitive: true }]);
    assert.equal(outcome.validity?.effectiveParallelism, 0.6);
    assert.equal(outcome.validity.perWorker.length, 2);
  });

  it('knows no effective parallelism where the host does not tell', () => {
    const outcome = outcomeOf({
      reports: reports([
        [span(0, 1e6, -1), null],
        [null, span(0, 1e6, -1)],
      ]),
      vcpuCount: 1,
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
