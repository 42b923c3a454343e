import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../errors.js';
import { postCopy } from './post-copy.js';
import { type CellOptions, commandLineOf, describeOptions, type Engine, type GivenOptions } from './suite.js';
import { parseWords } from './words.fixture.js';

const { defaults, check } = await postCopy.load();

function plan(given: GivenOptions, { engine = 'virtual' as Engine, smoke = false } = {}): CellOptions[] {
  return postCopy.plan(given, { engine, smoke, defaults, profile: postCopy.profile });
}

function planWords(...words: string[]): CellOptions[] {
  return plan(parseWords(postCopy, ...words));
}

test('without options, four ways to resolve faults are compared from 1 to 512 vCPUs, at some counts without the network too', () => {
  const cells = plan({});
  const waysOf = (vcpus: number, latencyNs: number): unknown[] =>
    cells
      .filter(({ computeNs }) => computeNs === 0)
      .filter((cell) => cell.vcpus === vcpus && cell.latencyNs === latencyNs)
      .map(({ uffd, singleUffd, readers, kvmUserfault }) => [uffd, singleUffd, readers, kvmUserfault]);
  for (const [latencyNs, counts] of [
    [30_000, [2, 4, 8, 16, 32, 64, 128, 256, 512]],
    [0, [8, 64, 256]],
  ] as const) {
    for (const vcpus of counts) {
      assert.deepEqual(waysOf(vcpus, latencyNs), [
        ['minor', true, 1, false],
        ['minor', true, vcpus, false],
        ['minor', false, 1, false],
        ['minor', true, 1, true],
      ]);
    }
    assert.deepEqual(waysOf(1, latencyNs), [
      ['minor', true, 1, false],
      ['minor', true, 1, true],
    ]);
  }
  assert.equal(cells.length, (9 + 3) * 4 + 2 * 2 + 2 * 4);
  assert.deepEqual([...new Set(cells.map(({ computeNs, vcpuBytes }) => `${computeNs} ${vcpuBytes}`))], ['0 131072', '2000 262144']);
});

test('a guest with work to do is migrated four ways too, with pages that are pushed and without', () => {
  const busy = plan({}).filter(({ computeNs }) => computeNs !== 0);
  assert.deepEqual(
    busy.map(({ singleUffd, readers, kvmUserfault, pushers }) => [singleUffd, readers, kvmUserfault, pushers]),
    [
      [true, 1, false],
      [true, 64, false],
      [false, 1, false],
      [true, 1, true],
    ].flatMap((way) => [0, 1].map((pushers) => [...way, pushers])),
  );
  assert.ok(busy.every(({ vcpus, pattern, accesses }) => vcpus === 64 && pattern === 'zipf' && Number(accesses) > 1));
});

test('every planned cell passes the simulator, on both engines, and stands there once', () => {
  for (const engine of ['virtual', 'threads'] as const)
    for (const smoke of [false, true]) {
      const cells = plan({}, { engine, smoke });
      for (const cell of cells) assert.equal(check(cell), undefined, describeOptions(postCopy, cell));
      assert.equal(new Set(cells.map((cell) => describeOptions(postCopy, cell))).size, cells.length);
    }
});

test('the smoke matrix has every pattern, jitter and way to fetch, small', () => {
  const smoke = plan({}, { smoke: true });
  const valuesOf = (field: string): number => new Set(smoke.map((cell) => cell[field])).size;
  assert.deepEqual(['pattern', 'jitter', 'uffd', 'bandwidth', 'prefetch', 'pushers', 'asyncPf'].map(valuesOf), [3, 3, 3, 2, 2, 2, 2]);
  assert.ok(smoke.every(({ vcpus, vcpuBytes }) => Number(vcpus) <= 2 && Number(vcpuBytes) <= 2 ** 16));
});

test("every field of the simulator's options is stated in a cell's key, and its command line asks for that cell again", () => {
  const stated = new Set(postCopy.options.filter(({ planOnly }) => planOnly !== true).map(({ field }) => field));
  for (const field of Object.keys(defaults)) assert.ok(stated.has(field), `${field} is not in the key`);
  for (const cell of [...plan({}), ...plan({}, { smoke: true })]) assert.deepEqual(planWords(...commandLineOf(postCopy, cell)), [cell]);
});

test("a key is one line of the options' own names", () => {
  const [cell] = planWords('-v', '16', '-k', '--latency', '30us', '--bandwidth', '10GBit', '--jitter', 'exponential', '--compute', '500ns');
  assert.equal(
    describeOptions(postCopy, cell),
    'vcpus=16 memory=4M backing=shmem uffd=MINOR single-uffd=N readers=1 kvm-userfault=Y overlap=N reader-wait=epoll-exclusive async-pf=off vma-locks=Y ' +
      'guest-seed=1 latency=30us bandwidth=10GBit jitter=exponential jitter-percent=20 prefetch=0 pushers=0 pattern=sequential accesses=1 compute=500ns',
  );
});

test('the letters are those of demand_paging_test', () => {
  assert.equal(
    postCopy.options
      .flatMap(({ letter }) => letter ?? [])
      .sort()
      .join(''),
    'abckmorsuv',
  );
});

test('what memory allows is the default: guest_memfd has KVM Userfault alone, anonymous memory missing faults', () => {
  const catchers = (...words: string[]): unknown[] => planWords(...words).map(({ uffd, kvmUserfault }) => [uffd, kvmUserfault]);
  assert.deepEqual(catchers('-s', 'guest_memfd'), [['none', true]]);
  assert.deepEqual(catchers('-s', 'anonymous'), [['missing', false]]);
  assert.deepEqual(catchers('-k'), [['minor', true]]);
  assert.equal(check(planWords('-s', 'guest_memfd', '--async-pf', 'user')[0]), undefined);
});

test('jitter has a size where nothing is said, and none where there is none', () => {
  assert.deepEqual(
    planWords('--jitter', 'none,uniform').map(({ jitter, jitterPercent }) => [jitter, jitterPercent]),
    [
      ['none', 0],
      ['uniform', 20],
    ],
  );
  assert.match(check(planWords('--jitter-percent', '20')[0]) ?? '', /^Cannot jitter the latency by 20 %: current jitter none/);
});

const REFUSED: [string[], RegExp][] = [
  [['--latency', '-5us'], /^Cannot use --latency: current "-5us", expected a time from 0 to 10s in whole nanoseconds, such as 30us, 1.5ms or 500ns/],
  [['--latency', '11s'], /^Cannot use --latency: current "11s"/],
  [['--bandwidth', '10G'], /^Cannot use --bandwidth: current "10G", expected a bandwidth in bits or bytes per second, such as 10GBit or 1.25GB\/s/],
  [['--pattern', 'random'], /^Cannot use --pattern: current "random", expected sequential, uniform or zipf/],
];

for (const [words, reason] of REFUSED) {
  test(`${words.join(' ')} is no value`, () => {
    assert.throws(
      () => parseWords(postCopy, ...words),
      (error: unknown) => error instanceof UsageError && reason.test(error.message),
    );
  });
}

test('what the simulator refuses is refused in a plan too', () => {
  const problemOf = (...words: string[]): string | undefined => check(planWords(...words)[0]);
  assert.match(problemOf('-u', 'none') ?? '', /^Cannot migrate after the switch: current nobody who catches faults/);
  assert.match(problemOf('-s', 'anonymous', '-u', 'MINOR') ?? '', /^Cannot catch minor faults of anonymous memory/);
  assert.match(problemOf('-k', '--async-pf', 'kernel') ?? '', /^Cannot use KVM Userfault with the kernel's asynchronous page faults/);
});

test('weight grows with the work', () => {
  const [few, many] = [planWords('-v', '2'), planWords('-v', '64')].flat().map((cell) => postCopy.weight(cell));
  assert.ok(many > 30 * few);
});
