import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SuiteSimulation } from '../suites/index.js';
import { fakeCell, fakeOutcome } from './cells.fixture.js';
import type { PlannedCell } from './plan.js';
import { sampleThreads } from './threads.js';

/** Cells that log each repetition as "vcpus/seed" and call `during` in it. */
function loggedCells(log: string[], during: (entry: string) => void = () => undefined): PlannedCell[] {
  return [2, 4].map((vcpus) => {
    const runThreads: SuiteSimulation['runThreads'] = (_, { seed }) => {
      log.push(`${vcpus}/${seed}`);
      during(`${vcpus}/${seed}`);
      return Promise.resolve(fakeOutcome());
    };
    return fakeCell(vcpus, { engine: 'threads', timeScale: 1, seeds: [1, 2, 3], simulation: { runThreads } as SuiteSimulation });
  });
}

test('sampleThreads interleaves the arms: each repetition goes through all cells', async () => {
  const log: string[] = [];
  const passes: number[] = [];
  const cells = loggedCells(log);
  await sampleThreads(cells, {
    repetitions: 3,
    warmUp: false,
    stop: new AbortController().signal,
    onPass: (runs) => passes.push(runs.get(cells[0])?.length ?? 0),
  });
  assert.deepEqual(log, ['2/1', '4/1', '2/2', '4/2', '2/3', '4/3']);
  assert.deepEqual(passes, [1, 2, 3]);
});

test('sampleThreads, asked to stop, finishes the repetition and reports what it has', async () => {
  const log: string[] = [];
  const stop = new AbortController();
  const cells = loggedCells(log, (entry) => entry === '2/2' && stop.abort());
  let counts: number[] = [];
  await sampleThreads(cells, {
    repetitions: 3,
    warmUp: false,
    stop: stop.signal,
    onPass: (runs) => (counts = cells.map((cell) => runs.get(cell)?.length ?? 0)),
  });
  assert.deepEqual(log, ['2/1', '4/1', '2/2']);
  assert.deepEqual(counts, [2, 1]);
});

test('sampleThreads names the repetition that failed', async () => {
  const cells = loggedCells([], (entry) => {
    if (entry === '4/2') throw new Error('a lock was lost');
  });
  await assert.rejects(
    sampleThreads(cells, { repetitions: 3, warmUp: false, stop: new AbortController().signal, onPass: () => undefined }),
    /engine threads, seed 2, cell/,
  );
});

test('sampleThreads warms up every cell once and records nothing of it', async () => {
  const log: string[] = [];
  let recorded = 0;
  const onRun = (): void => {
    recorded++;
  };
  await sampleThreads(loggedCells(log), { repetitions: 1, warmUp: true, stop: new AbortController().signal, onRun, onPass: () => undefined });
  assert.deepEqual(log, ['2/1', '4/1', '2/1', '4/1']);
  assert.equal(recorded, 2);
});
