import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../errors.js';
import { demandPaging } from './demand-paging.js';
import { ARM64_HOST, X86_HOST } from './demand-paging-plan.js';
import { type CellOptions, commandLineOf, describeOptions, type Engine, type GivenOptions } from './suite.js';
import { parseWords } from './words.fixture.js';

const { defaults, check } = await demandPaging.load();

function plan(
  given: GivenOptions,
  { engine = 'virtual' as Engine, smoke = false, profile = X86_HOST, note = (_line: string): void => undefined } = {},
): CellOptions[] {
  return demandPaging.plan(given, { engine, smoke, defaults, profile, note });
}

function planWords(...words: string[]): CellOptions[] {
  return plan(parseWords(demandPaging, ...words));
}

interface Row {
  backing: string;
  single: boolean;
  uffd: string;
  kvm: boolean;
  readers: 'one' | 'per-vcpu';
}

/** One table of the post: its rows, in words of ours. */
function tableOf(backing: string, single: boolean, mode: string): Row[] {
  const table = { backing, single };
  return [
    { ...table, uffd: 'none', kvm: false, readers: 'one' },
    ...(single ? [{ ...table, uffd: mode, kvm: false, readers: 'one' } as const] : []),
    { ...table, uffd: mode, kvm: false, readers: single ? 'per-vcpu' : 'one' },
    { ...table, uffd: mode, kvm: true, readers: single ? 'per-vcpu' : 'one' },
    { ...table, uffd: 'none', kvm: true, readers: 'one' },
  ];
}

const SHMEM_TABLES = [...tableOf('shmem', true, 'minor'), ...tableOf('shmem', false, 'minor')];
const PUBLISHED: Record<string, Row[]> = { [X86_HOST]: [...tableOf('anonymous', true, 'missing'), ...SHMEM_TABLES], [ARM64_HOST]: SHMEM_TABLES };

test('each of the 69 published numbers is answered by one of 57 cells, and no cell is there for nothing', () => {
  let numbers = 0;
  let cells = 0;
  for (const [profile, rows] of Object.entries(PUBLISHED)) {
    const planned = plan({}, { profile });
    const used = new Set<CellOptions>();
    for (const { backing, single, uffd, kvm, readers } of rows) {
      for (const vcpus of [2, 8, 64]) {
        const answers = planned.filter(
          (cell) =>
            cell.vcpus === vcpus &&
            cell.backing === backing &&
            cell.uffd === uffd &&
            cell.kvmUserfault === kvm &&
            (uffd === 'none' || (cell.singleUffd === single && cell.readers === (readers === 'one' ? 1 : vcpus))),
        );
        assert.equal(answers.length, 1, JSON.stringify({ profile, vcpus, backing, single, uffd, kvm, readers }));
        used.add(answers[0]);
        numbers++;
      }
    }
    assert.equal(used.size, planned.length);
    cells += used.size;
  }
  assert.deepEqual([numbers, cells], [69, 57]);
});

test('the published matrix is the post: 64 MiB, partitioned, the page cache of shmem preallocated, exclusive wakes, per-VMA locks', () => {
  for (const cell of [...plan({}), ...plan({}, { profile: ARM64_HOST })]) {
    const { vcpuBytes, overlap, preallocate, readerWait, vmaLocks, asyncPf, delayUs, recovery } = cell;
    assert.deepEqual(
      [vcpuBytes, overlap, preallocate, readerWait, vmaLocks, asyncPf, delayUs, recovery],
      [2 ** 26, false, cell.backing === 'shmem', 'epoll-exclusive', true, 'off', 0, 'none'],
    );
  }
});

test('the suite names both hosts of the post, and anonymous memory is planned for x86 alone', () => {
  assert.deepEqual(demandPaging.profiles, [X86_HOST, ARM64_HOST]);
  assert.equal(demandPaging.profile, X86_HOST);
  assert.ok(plan({}, { profile: ARM64_HOST }).every(({ backing }) => backing === 'shmem'));
  assert.ok(plan({}, { profile: 'my-host' }).some(({ backing }) => backing === 'anonymous'));
});

test('every planned cell passes the simulator, on both engines, and stands there once', () => {
  for (const engine of ['virtual', 'threads'] as const)
    for (const smoke of [false, true]) {
      const cells = plan({}, { engine, smoke });
      for (const cell of cells) assert.equal(check(cell), undefined, describeOptions(demandPaging, cell));
      assert.equal(new Set(cells.map((cell) => describeOptions(demandPaging, cell))).size, cells.length);
    }
});

test('the smoke matrix has the same arms, small; on threads there are two vCPUs with one reader', () => {
  const shape = ({ backing, uffd, singleUffd, kvmUserfault }: CellOptions): string => JSON.stringify([backing, uffd, singleUffd, kvmUserfault]);
  const smoke = plan({}, { smoke: true });
  assert.deepEqual(new Set(smoke.map(shape)), new Set(plan({}).map(shape)));
  assert.ok(smoke.every(({ vcpus, vcpuBytes }) => Number(vcpus) <= 4 && Number(vcpuBytes) <= 2 ** 20));
  const threads = plan({}, { engine: 'threads' });
  assert.deepEqual(new Set(threads.map(shape)), new Set(plan({}).map(shape)));
  assert.ok(threads.every(({ vcpus, readers }) => vcpus === 2 && readers === 1));
});

test("the post's own command lines are its cells", () => {
  const of = (...words: string[]): CellOptions[] => planWords('-b', '64M', '-v', '64', ...words, '-m', '3');
  const published = (backing: string): CellOptions[] => plan({}).filter((cell) => cell.vcpus === 64 && cell.backing === backing);
  const cells = [
    of('-a', '-s', 'shmem', '-r', '1', '-u', 'MINOR'),
    of('-a', '-s', 'shmem', '-r', '64', '-u', 'MINOR'),
    of('-a', '-s', 'shmem', '-r', '64', '-u', 'MINOR', '-k'),
    of('-a', '-s', 'shmem', '-k'),
    of('-a', '-s', 'shmem'),
    of('-s', 'shmem', '-r', '1', '-u', 'MINOR'),
    of('-s', 'shmem', '-r', '1', '-u', 'MINOR', '-k'),
    of('-a'),
    of('-a', '-k'),
    of('-a', '-u', 'MISSING', '-r', '1'),
    of('-a', '-u', 'missing', '-r', '64'),
    of('-a', '-u', 'MISSING', '-r', '64', '-k'),
  ].flat();
  const keys = (all: CellOptions[]): string[] => all.map((cell) => describeOptions(demandPaging, cell)).sort();
  assert.deepEqual(keys(cells), keys([...published('anonymous'), ...published('shmem')]));
  const [cell] = of('-a', '-s', 'shmem', '-r', '1', '-u', 'MINOR', '-k');
  assert.deepEqual([cell.uffd, cell.singleUffd, cell.readers, cell.kvmUserfault, cell.vcpuBytes], ['minor', true, 1, true, 2 ** 26]);
});

test("every field of the simulator's options is stated in a cell's key, and its command line asks for that cell again", () => {
  const stated = new Set(demandPaging.options.filter(({ planOnly }) => planOnly !== true).map(({ field }) => field));
  for (const field of Object.keys(defaults)) assert.ok(stated.has(field), `${field} is not in the key`);
  const more = [
    ['-u', 'MISSING', '-s', 'shmem', '-o', '-d', '30', '--reader-wait', 'poll', '--vma-locks', 'N'],
    ['-k', '-s', 'anonymous_thp', '--recovery', 'on-demand', '--async-pf', 'user', '--guest-seed', '7'],
    ['-s', 'shmem', '--preallocate', 'N'],
    ['-u', 'none', '-r', '1'],
  ].flatMap((words) => planWords(...words));
  for (const cell of [...plan({}), ...plan({}, { engine: 'threads' }), ...more]) {
    assert.equal(check(cell), undefined, describeOptions(demandPaging, cell));
    assert.deepEqual(planWords(...commandLineOf(demandPaging, cell)), [cell]);
  }
});

test("a key is one line of the options' own names", () => {
  const [cell] = planWords('-b', '64M', '-a', '-v', '64', '-s', 'shmem', '-r', '1', '-u', 'MINOR', '-k');
  assert.equal(
    describeOptions(demandPaging, cell),
    'vcpus=64 memory=64M backing=shmem uffd=MINOR single-uffd=Y readers=1 kvm-userfault=Y overlap=N reader-wait=epoll-exclusive async-pf=off ' +
      'vma-locks=Y guest-seed=1 delay=0 preallocate=Y recovery=none',
  );
});

test('the letters of the selftest are each bound once', () => {
  const letters = demandPaging.options.flatMap(({ letter }) => letter ?? []);
  assert.equal([...letters].sort().join(''), 'abcdkmorsuv');
});

test('per-vcpu counts readers and userfaultfds', () => {
  const counts = (...words: string[]): unknown[] => planWords('-u', 'MISSING', ...words).map(({ singleUffd, readers }) => [singleUffd, readers]);
  assert.deepEqual(counts('-v', '8', '-a', '-r', '1,per-vcpu'), [
    [true, 1],
    [true, 8],
  ]);
  assert.deepEqual(counts('-v', '8', '-r', 'per-vcpu'), [[false, 1]]);
  assert.deepEqual(counts('-v', '8', '--uffds', '1,per-vcpu,8'), [
    [true, 1],
    [false, 1],
  ]);
  assert.deepEqual(counts('-v', '512', '-a', '-r', 'per-vcpu'), [[true, 512]]);
});

test('what means nothing to one arm takes its default there', () => {
  const cells = planWords('-v', '4', '-u', 'none,MISSING', '-r', '4', '-a', '-d', '5', '--reader-wait', 'poll');
  assert.deepEqual(
    cells.map(({ uffd, readers, singleUffd, delayUs, readerWait }) => [uffd, readers, singleUffd, delayUs, readerWait]),
    [
      ['none', 1, false, 0, 'epoll-exclusive'],
      ['missing', 4, true, 5, 'poll'],
    ],
  );
  assert.deepEqual(
    planWords('-k', 'Y,N', '--async-pf', 'off,user').map(({ kvmUserfault, asyncPf }) => [kvmUserfault, asyncPf]),
    [
      [true, 'off'],
      [true, 'user'],
      [false, 'off'],
    ],
  );
  assert.deepEqual(
    planWords('-s', 'anonymous,shmem', '--preallocate', 'Y,N').map(({ backing, preallocate }) => [backing, preallocate]),
    [
      ['anonymous', false],
      ['shmem', true],
      ['shmem', false],
    ],
  );
});

test('overlapping vCPUs have one userfaultfd, as in the selftest', () => {
  const [cell] = planWords('-v', '8', '-u', 'MISSING', '-o');
  assert.deepEqual([cell.singleUffd, check(cell)], [true, undefined]);
});

test('the page cache is preallocated for minor faults whatever is said, with a note', () => {
  const notes: string[] = [];
  const note = (line: string): void => void notes.push(line);
  const [cell] = plan(parseWords(demandPaging, '-s', 'shmem', '-u', 'MINOR', '--preallocate', 'N'), { note });
  assert.equal(cell.preallocate, true);
  assert.deepEqual(notes.length, 1);
  assert.equal(planWords('-s', 'shmem', '-u', 'MISSING')[0].preallocate, false);
});

const REFUSED_PLANS: [string[], RegExp][] = [
  [['-r', '1'], /^Cannot start readers: current no userfaultfd, expected --uffd MISSING or --uffd MINOR with --readers$/],
  [
    ['-v', '8', '-u', 'MISSING', '--uffds', '9'],
    /^Cannot use 9 userfaultfds: current 8 vCPUs, of whose memories each has at most one, expected 1 or 8 \(per-vcpu\)$/,
  ],
  [['-v', '8', '-u', 'MISSING', '--uffds', '2'], /^Cannot use 2 userfaultfds: current 8 vCPUs, expected 1 or 8 \(per-vcpu\)$/],
  [['-u', 'MISSING', '-a', '--uffds', '1'], /^Cannot count userfaultfds: current --uffds with --single-uffd/],
];

for (const [words, reason] of REFUSED_PLANS) {
  test(`${words.join(' ')} is refused with one line`, () => {
    assert.throws(
      () => planWords(...words),
      (error: unknown) => error instanceof UsageError && reason.test(error.message),
    );
  });
}

const REFUSED_VALUES: [string[], RegExp][] = [
  [['-u', 'WP'], /^Cannot use --uffd: current "WP", expected MISSING, MINOR or none, or a list of them$/],
  [['-k', 'maybe'], /^Cannot use --kvm-userfault: current "maybe", expected Y or N/],
  [['--uffds', 'two'], /^Cannot use --uffds: current "two", expected a whole number above zero, or per-vcpu/],
  [['-r', '0'], /^Cannot use --readers: current "0", expected a whole number above zero, or per-vcpu/],
  [['-d', '-5'], /^Cannot use --delay: current "-5", expected a whole number from 0/],
];

for (const [words, reason] of REFUSED_VALUES) {
  test(`${words.join(' ')} is no value`, () => {
    assert.throws(
      () => parseWords(demandPaging, ...words),
      (error: unknown) => error instanceof UsageError && reason.test(error.message),
    );
  });
}

test('what the simulator refuses is refused in a plan too', () => {
  const problemOf = (...words: string[]): string | undefined => check(planWords(...words)[0]);
  assert.match(problemOf('-u', 'MINOR') ?? '', /^Cannot catch minor faults of anonymous memory/);
  assert.match(problemOf('-k', '--async-pf', 'kernel') ?? '', /^Cannot use KVM Userfault with the kernel's asynchronous page faults/);
  assert.match(problemOf('-s', 'guest_memfd', '-u', 'MINOR') ?? '', /^Cannot register guest_memfd/);
  assert.match(problemOf('-u', 'none', '-r', '4') ?? '', /^Cannot start 4 readers: current no userfaultfd/);
  assert.match(problemOf('-d', '30') ?? '', /^Cannot delay each resolution/);
});

test('weight grows with the work', () => {
  const [few, many, kernel] = [planWords('-v', '2', '-k'), planWords('-v', '64', '-k'), planWords('-v', '64')].flat().map((cell) => demandPaging.weight(cell));
  assert.ok(many > 30 * few && kernel < many);
});
