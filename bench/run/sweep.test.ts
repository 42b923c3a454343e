import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeCell, fakeOutcome } from './cells.fixture.js';
import type { PlannedCell } from './plan.js';
import type { FinishedRun } from './record.js';
import { CellFailure, type Executor, replayCommand, sweep } from './sweep.js';

interface Sweeping {
  executor: Executor;
  jobs: number;
  arenaBudgetBytes: number;
  stop: AbortController;
  cells: PlannedCell[];
}

/** Runs a sweep and returns what was begun, what was reported, and how much ran at once. */
async function run({ executor, jobs = 2, arenaBudgetBytes = 1000, stop = new AbortController(), cells }: Partial<Sweeping> & { cells: PlannedCell[] }) {
  const seen = { begun: [] as string[], cells: new Map<number, FinishedRun[]>(), peakRuns: 0, peakBytes: 0, error: undefined as unknown };
  let runs = 0;
  let bytes = 0;
  const counting: Executor = {
    async run(cell, seed) {
      seen.peakRuns = Math.max(seen.peakRuns, ++runs);
      bytes += cell.arenaBytes;
      seen.peakBytes = Math.max(seen.peakBytes, bytes);
      await sleep(1);
      try {
        return executor === undefined ? fakeOutcome() : await executor.run(cell, seed);
      } finally {
        runs--;
        bytes -= cell.arenaBytes;
      }
    },
  };
  await sweep(cells, {
    executor: counting,
    jobs,
    arenaBudgetBytes,
    stop: stop.signal,
    onStart: (cell, seed) => seen.begun.push(`${cell.options.vcpus}/${seed}`),
    onCell: (cell, finished) => seen.cells.set(Number(cell.options.vcpus), finished),
  }).catch((error: unknown) => {
    seen.error = error;
  });
  return seen;
}

test('sweep begins the largest cells first and reports every cell once', async () => {
  const seen = await run({ cells: [2, 64, 8].map((vcpus) => fakeCell(vcpus)), jobs: 1 });
  assert.deepEqual(seen.begun, ['64/1', '8/1', '2/1']);
  assert.deepEqual([...seen.cells.keys()], [64, 8, 2]);
});

test('sweep reports a cell when its last seed is done, with its runs in the order of its seeds', async () => {
  const executor: Executor = { run: async (_, seed) => sleep(10 - 2 * seed, fakeOutcome()) };
  const seen = await run({ cells: [fakeCell(4, { seeds: [1, 2, 3] })], executor, jobs: 3 });
  assert.deepEqual(
    seen.cells.get(4)?.map(({ seed }) => seed),
    [1, 2, 3],
  );
});

test('sweep runs as many at once as jobs allow', async () => {
  const seen = await run({ cells: [1, 2, 3, 4, 5].map((vcpus) => fakeCell(vcpus)), jobs: 3 });
  assert.equal(seen.peakRuns, 3);
});

test('sweep keeps shared memory within its budget, and runs alone what is larger', async () => {
  const seen = await run({
    cells: [700, 400, 300, 300, 2000].map((vcpus, index) => fakeCell(vcpus, { key: `cell ${index}` })),
    jobs: 4,
    arenaBudgetBytes: 1000,
  });
  assert.equal(seen.peakBytes, 2000);
  const within = await run({ cells: [700, 400, 300, 300].map((vcpus, index) => fakeCell(vcpus, { key: `cell ${index}` })), jobs: 4, arenaBudgetBytes: 1000 });
  assert.equal(within.peakBytes, 1000);
});

test('sweep, asked to stop, finishes what runs and begins nothing more', async () => {
  const stop = new AbortController();
  const executor: Executor = {
    async run() {
      stop.abort();
      return sleep(2, fakeOutcome());
    },
  };
  const seen = await run({ cells: [1, 2, 3, 4].map((vcpus) => fakeCell(vcpus)), executor, stop });
  assert.deepEqual(seen.begun, ['4/1', '3/1']);
  assert.deepEqual([...seen.cells.keys()].sort(), [3, 4]);
  assert.equal(seen.error, undefined);
});

test('sweep fails with engine, seed, cell and the command that replays it, after the runs beside it were reported', async () => {
  const executor: Executor = {
    async run(cell) {
      if (cell.options.vcpus === 4) throw new Error('Invariant broken: a bit was lost');
      return sleep(5, fakeOutcome());
    },
  };
  const seen = await run({ cells: [1, 2, 3, 4].map((vcpus) => fakeCell(vcpus, { seeds: [7] })), executor });
  assert.ok(seen.error instanceof CellFailure);
  assert.match(seen.error.message, /engine virtual, seed 7, cell "fake engine=virtual profile=fake-host vcpus=4"/);
  assert.match(seen.error.message, /mmulab run fake --engine virtual --profile fake-host --seed 7 --vcpus 4/);
  assert.match((seen.error.cause as Error).message, /a bit was lost/);
  assert.deepEqual([...seen.cells.keys()], [3]);
  assert.equal(seen.begun.length, 2);
});

test('a save that fails ends the sweep', async () => {
  const cells = [1, 2, 3].map((vcpus) => fakeCell(vcpus));
  const executor: Executor = { run: () => Promise.resolve(fakeOutcome()) };
  const onCell = (): never => {
    throw new Error('no space left');
  };
  await assert.rejects(sweep(cells, { executor, jobs: 1, arenaBudgetBytes: 10, stop: new AbortController().signal, onCell }), /no space left/);
});

test('replayCommand names overrides, and the threads engine with its scale', () => {
  const cell = fakeCell(2, { engine: 'threads', timeScale: 0.5 });
  cell.machine.record.overrides.push('rmap_scan=-20%');
  assert.equal(
    replayCommand(cell, 3),
    'mmulab run fake --engine threads --profile fake-host --set rmap_scan=-20% --seed 3 --repetitions 1 --time-scale 0.5 --vcpus 2',
  );
});
