import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckOptions, ReplayError, runCheck } from './check.js';
import { counter, plainStores, storeBuffering, wakeup } from './protocols/litmus.fixture.js';

const EXHAUSTIVE: CheckOptions = {
  vcpus: 2,
  plant: null,
  memoryOrder: 'sc',
  scheduler: 'exhaustive',
  bound: 2,
  seed: 1,
  schedules: 0,
  maxSteps: 1000,
  replay: '',
};

for (const protocol of [storeBuffering, counter, wakeup, plainStores]) {
  for (const memoryOrder of ['sc', 'tso'] as const) {
    test(`${protocol.name} holds under ${memoryOrder}, in every interleaving`, () => {
      const outcome = runCheck(protocol, { ...EXHAUSTIVE, memoryOrder });
      assert.equal(outcome.verdict, 'holds', JSON.stringify(outcome.failure));
      assert.ok(outcome.schedules > 1, `${outcome.schedules} schedules`);
      assert.equal(outcome.coarse, 0);
    });
  }

  for (const { name, needsTso } of protocol.plants) {
    for (const scheduler of ['exhaustive', 'bounded', 'random', 'pct'] as const) {
      test(`${protocol.name} with ${name} is found by the ${scheduler} scheduler`, () => {
        const options: CheckOptions = { ...EXHAUSTIVE, plant: name, memoryOrder: needsTso === true ? 'tso' : 'sc', scheduler, schedules: 1000 };
        const outcome = runCheck(protocol, options);
        assert.equal(outcome.verdict, 'broken');
        const again = runCheck(protocol, { ...options, scheduler: 'replay', replay: outcome.failure?.schedule ?? '' });
        assert.deepEqual(again.failure, outcome.failure);
      });
    }
  }
}

test('a store buffer is needed for the outcome that only it allows', () => {
  const outcome = runCheck(storeBuffering, { ...EXHAUSTIVE, plant: 'no-fence' });
  assert.equal(outcome.verdict, 'holds');
});

test('a lost wakeup is a deadlock, and says who waits for what', () => {
  const { failure } = runCheck(wakeup, { ...EXHAUSTIVE, plant: 'late-prepare' });
  assert.equal(failure?.claim, 'deadlock');
  assert.equal(failure.message, 'CPU 1 waits for a wakeup (x)');
});

test('the history says who did what to which word, and which steps matter', () => {
  const { failure } = runCheck(counter, { ...EXHAUSTIVE, plant: 'no-lock' });
  const steps = failure?.history.filter(({ matters }) => matters).map(({ actor, what }) => `${actor}: ${what}`);
  assert.deepEqual(steps, ['0: reads 0 from x', '1: reads 0 from x', '1: stores 1 to x', '0: stores 1 to x']);
});

test('a failure is shown with as few preemptions as a short search finds', () => {
  const { failure } = runCheck(counter, { ...EXHAUSTIVE, plant: 'no-lock', scheduler: 'random', schedules: 1000, vcpus: 3 });
  assert.match(failure?.schedule ?? '', /^([a-c]\d*){4}$/, 'three CPUs, one of which is preempted once');
});

test('a limit, or the caller, ends the search: it is unfinished then', () => {
  assert.equal(runCheck(counter, { ...EXHAUSTIVE, vcpus: 3, schedules: 2 }).verdict, 'unfinished');
  let calls = 0;
  const outcome = runCheck(storeBuffering, { ...EXHAUSTIVE, vcpus: 3, scheduler: 'random', schedules: 10_000 }, () => ++calls < 2);
  assert.equal(outcome.verdict, 'unfinished');
  assert.ok(outcome.schedules < 10_000);
});

test('a replay string that does not fit is refused with one line', () => {
  for (const replay of ['a1z3', '12', 'c', 'a99999', 'b2b9b9b9', 'A']) {
    assert.throws(() => runCheck(counter, { ...EXHAUSTIVE, scheduler: 'replay', replay }), ReplayError, replay);
  }
});

test('a path that never ends is a livelock', () => {
  const spins = {
    ...counter,
    build: (parts, options, initialize) => ({ ...counter.build(parts, options, initialize), paths: () => parts.cpus.map(forever) }),
  } as typeof counter;
  assert.equal(runCheck(spins, EXHAUSTIVE).failure?.claim, 'livelock');

  function* forever(cpu: Parameters<typeof counter.build>[0]['cpus'][number]) {
    for (;;) {
      if (cpu.run(1)) yield;
    }
  }
});
