import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stressCommand } from '../cli/check-stress.js';
import { loadMachine } from '../run/index.js';
import { SUITES } from '../suites/index.js';
import { type StressRequest, stress } from './stress.js';

const [suite] = SUITES;
const CELL = { vcpus: 2, vcpuBytes: 65536 };
const FLAGS = { engine: 'virtual', format: 'text' };

async function requestOf(changes: Partial<StressRequest>): Promise<StressRequest> {
  const simulation = await suite.load();
  const { profile } = loadMachine(suite.profile, []);
  const stop = new AbortController().signal;
  return {
    simulation,
    options: { ...simulation.defaults, ...CELL },
    profile,
    engine: 'virtual',
    firstSeed: 1,
    runsMax: 3,
    secondsMax: 0,
    checksPerRun: 5,
    stop,
    ...changes,
  };
}

test('stress runs a cell of a suite with one seed after the other', async () => {
  const request = await requestOf({});
  const seeds: number[] = [];
  const runVirtual: StressRequest['simulation']['runVirtual'] = (options, run) => {
    seeds.push(run.seed);
    return request.simulation.runVirtual(options, run);
  };
  const { runs, checked, failure } = await stress({ ...request, simulation: { ...request.simulation, runVirtual }, firstSeed: 7 });
  assert.deepEqual([runs, checked, failure, seeds], [3, 15, undefined, [7, 8, 9]]);
});

test('a broken invariant ends the stress, with its seed', async () => {
  const request = await requestOf({ runsMax: 0 });
  const runVirtual: StressRequest['simulation']['runVirtual'] = (options, run) => {
    if (run.seed === 4) throw new Error('Invariant broken: gfn 3\nis lost');
    return request.simulation.runVirtual(options, run);
  };
  const { runs, checked, failure } = await stress({ ...request, simulation: { ...request.simulation, runVirtual } });
  assert.deepEqual([runs, checked, failure], [4, 15, { seed: 4, message: 'Invariant broken: gfn 3 is lost' }]);
});

test('no run starts after the time is over, or after Ctrl-C', async () => {
  let now = 0;
  const timed = await stress(await requestOf({ runsMax: 0, secondsMax: 2, nowMs: () => (now += 500) }));
  assert.ok(timed.runs >= 1 && timed.runs <= 4, `${timed.runs} runs`);
  const controller = new AbortController();
  const stopped = await stress(await requestOf({ runsMax: 0, stop: controller.signal, onRun: (runs) => runs === 2 && controller.abort() }));
  assert.equal(stopped.runs, 2);
});

test('real threads are stressed too', async () => {
  const request = await requestOf({ engine: 'threads', runsMax: 2 });
  const { runs, failure } = await stress(request);
  await (await suite.load()).closeThreads();
  assert.deepEqual([runs, failure], [2, undefined]);
});

test('mmulab check --engine virtual prints runs, invariants and time', async () => {
  const printed: string[] = [];
  const code = await stressCommand(undefined, { ...FLAGS, seeds: '2' }, (text) => void printed.push(text), { suite, options: CELL });
  assert.equal(code, 0);
  assert.match(printed.join(''), /^dirty-log under --engine virtual: no invariant broke\n2 runs, 66 invariants checked, \d+\.\d s\n$/);
});

test('a broken invariant exits 20 and prints the command with its seed', async () => {
  const printed: string[] = [];
  const simulation = await suite.load();
  const runVirtual = (): never => {
    throw new Error('Invariant broken: gfn 3 is lost');
  };
  const target = { suite: { ...suite, load: () => Promise.resolve({ ...simulation, runVirtual }) }, options: CELL };
  const code = await stressCommand('dirty-log', { ...FLAGS, seed: '5' }, (text) => void printed.push(text), target);
  assert.equal(code, 20);
  assert.match(printed.join(''), /^Broken with seed 5: Invariant broken: gfn 3 is lost\n1 runs/);
  assert.match(printed.join(''), /\nmmulab run dirty-log --engine virtual --vcpus 2 --memory 64K .* --seed 5\n$/);
});

for (const flags of [{ plant: 'x' }, { replay: 'x' }, { scheduler: 'pct' }, { memoryOrder: 'tso' }, { maxSteps: '3' }]) {
  test(`--engine virtual refuses ${Object.keys(flags)[0]}`, async () => {
    await assert.rejects(
      stressCommand(undefined, { ...FLAGS, ...flags }, () => undefined, { suite, options: CELL }),
      /^UsageError: Cannot use --[\w-]+ with --engine virtual: it belongs to --engine explore$/,
    );
  });
}
