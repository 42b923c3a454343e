import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ResultRecord, readResults } from './results/index.js';

const CLI = fileURLToPath(new URL('./index.js', import.meta.url));

interface Finished {
  status: number | null;
  stdout: string;
  stderr: string;
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs `mmulab` in `folder`. */
function mmulab(folder: string, ...args: string[]): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: 'utf8', timeout: 120_000 });
  return { status, stdout, stderr };
}

for (const args of [
  [],
  ['--help'],
  ['run', '--help'],
  ['run', 'dirty-log', '--help'],
  ['run', 'memslots', '--help'],
  ['run', 'demand-paging', '--help'],
  ['run', 'post-copy', '--help'],
  ['run', 'write-protect', '--help'],
  ['run', 'migration', '--help'],
  ['run', 'dirty-log', 'memslots', '--help'],
  ['show', '--help'],
  ['report', '--help'],
  ['regions', '--help'],
  ['check', '--help'],
  ['list', '--help'],
  ['help', 'run'],
]) {
  test(`mmulab ${args.join(' ')} begins with examples`, (t) => {
    const { status, stdout, stderr } = mmulab(temporaryFolder(t), ...args);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^Examples:\n {2}\$ mmulab /);
    assert.equal(stdout.split('Examples:').length, 2);
  });
}

test('letters are offered where one suite is named, and only there', (t) => {
  const folder = temporaryFolder(t);
  assert.match(mmulab(folder, 'run', 'dirty-log', '--help').stdout, /-v, --vcpus <list>/);
  assert.doesNotMatch(mmulab(folder, 'run', '--help').stdout, /-v, --vcpus/);
});

test('several suites share the options that mean the same in each', (t) => {
  const { stdout } = mmulab(temporaryFolder(t), 'run', '--help');
  assert.match(stdout, /^Options that all of dirty-log, memslots, demand-paging, post-copy, write-protect, migration have/m);
  assert.match(stdout, /^ {2}--vcpus <list>/m);
  for (const word of ['--split', '--loops', '--slots']) assert.doesNotMatch(stdout, new RegExp(`^ {2}(-., )?${word}`, 'm'));
});

test('--help loads commander and nothing else of weight, with the options of suites too', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gm)) {
      if (name.startsWith('.')) visit(join(dirname(file), name));
      else if (!name.startsWith('node:')) packages.add(name);
    }
  };
  visit(CLI);
  visit(join(dirname(CLI), 'cli/suite-options.js'));
  assert.deepEqual([...packages], ['commander']);
  assert.ok(seen.size > 3, 'the walk saw too few files');
  assert.deepEqual(
    [...seen].filter((file) => /\/dist\/(sim|reports)\//.test(file)),
    [],
  );
});

test('--version is that of the package', (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  assert.equal(mmulab(temporaryFolder(t), '--version').stdout, `${version}\n`);
});

test('list names suites, options, metrics, split policies and profiles', (t) => {
  const { status, stdout } = mmulab(temporaryFolder(t), 'list');
  assert.equal(status, 0);
  for (const word of [
    'Suite dirty-log',
    'Suite memslots',
    'Suite demand-paging',
    'Suite post-copy',
    'Suite write-protect',
    'Suite migration',
    'x5690-2013',
    '-k, --kvm-userfault',
    'per_vcpu_demand_paging_rate',
    'ampereone-2024',
    '-s, --slots',
    'slot_setup',
    'xeon-8167m-2021',
    '-v, --vcpus',
    'dirty_memory_iterN',
    'on-fault',
    'intel-2s48c-2022',
    'rmap_scan',
  ])
    assert.ok(stdout.includes(word), word);
});

const USAGE_ERRORS: [string[], RegExp][] = [
  [['run', 'dirty-log', '-v', '0'], /Cannot use --vcpus: current "0", expected a whole number from 1/],
  [['run', 'dirty-log', '-v', '2,x'], /Cannot use --vcpus: current "2,x"/],
  [['run', 'dirty-log', '-v', ''], /Cannot use --vcpus: current ""/],
  [['run', 'dirty-log', '-v', '-1'], /Cannot use --vcpus: current "-1"/],
  [['run', 'dirty-log', '-v'], /Option '-v, --vcpus <list>' argument missing/],
  [['run', 'dirty-log', '-b', '3'], /Cannot use --memory: current "3", expected bytes in multiples of 4096/],
  [['run', 'dirty-log', '-b', '1T', '-v', '64'], /Cannot simulate 65536 GiB/],
  [['run', 'dirty-log', '-w', '101'], /Cannot use --write-percent: current "101"/],
  [['run', 'dirty-log', '-s', 'floppy'], /Cannot use --backing: current "floppy", expected anonymous, /],
  [['run', 'dirty-log', '--split', 'never'], /Cannot use --split: current "never", expected lazy, eager, eager-skip or on-fault/],
  [['run', 'dirty-log', '--guest-page', '8K'], /Cannot use --guest-page: current "8K", expected 4K, 2M or 1G/],
  [['run', 'dirty-log', '--processes', '2', '--ept', 'Y', '-v', '2', '-b', '4M'], /Cannot alias memory in 2 processes with ept=Y/],
  [['run', 'dirty-log', '-n'], /Cannot use --nested: current nested guests/],
  [['run', 'dirty-log', '--engine', 'kvm'], /Cannot use --engine: current "kvm", expected virtual or threads/],
  [['run', 'dirty-log', '--seeds', '0'], /Cannot use --seeds: current "0"/],
  [['run', 'dirty-log', '--jobs', 'x'], /Cannot use --jobs: current "x"/],
  [['run', 'dirty-log', '--format', 'xml'], /Cannot use --format: current "xml", expected text, markdown, csv, json or selftest/],
  [['run', 'dirty-log', '--set', 'warp=1'], /Cannot set "warp=1": unknown cost "warp"/],
  [['run', 'dirty-log', '--set', 'rmap_scan'], /Cannot set "rmap_scan"/],
  [['run', 'dirty-log', '--profile', 'nowhere'], /Cannot read machine profile "nowhere"/],
  [['run', 'dirty-log', '--vcpu', '3'], /Unknown option '--vcpu' \(Did you mean --vcpus\?\)/],
  [['run', 'dirty-log', '-z'], /Unknown option '-z'/],
  [['run', '-v', '4'], /Unknown option '-v': letters belong to one suite/],
  [
    ['run', 'dirty-lg'],
    /Cannot run suite "dirty-lg": no such suite, expected dirty-log, memslots, demand-paging, post-copy, write-protect, migration \(did you mean dirty-log\?\)/,
  ],
  [['run', 'memslot-perf'], /Cannot run suite "memslot-perf": .* \(did you mean memslots\?\)/],
  [['run', 'memslot_perf_test'], /\(did you mean memslots\?\)/],
  [['run', 'something-else'], /expected dirty-log, memslots, demand-paging, post-copy, write-protect, migration$/m],
  [
    ['run', '--split', 'lazy'],
    /Unknown option '--split' of several suites together: name dirty-log or migration for it \(mmulab run dirty-log --split \.\.\.\)/,
  ],
  [['run', '--slots', '4'], /Unknown option '--slots' of several suites together: name dirty-log or memslots for it/],
  [['run', 'dirty-log', '--loops', '4'], /Unknown option '--loops' of dirty-log: name memslots for it/],
  [['run', 'memslots', '-s', '8195', '--test', 'map'], /Cannot run test map: current 8195 slots, expected at most 8194 for this test/],
  [['run', 'memslots', '-s', '8195', '-e', '0'], /Cannot run test map: current 8195 slots, expected at most 8194 for this test/],
  [['run', 'memslots', '-s', '32765'], /current 32765 slots, expected at most 32764 \(KVM_CAP_NR_MEMSLOTS; KVM_SET_USER_MEMORY_REGION fails with EINVAL/],
  [['run', 'memslots', '-s', '1'], /Cannot use --slots: current "1", expected a whole number larger than 1, or -1/],
  [['run', 'memslots', '-e', '6'], /Cannot use --last-test: current "6", expected a whole number from 0 to 5/],
  [['run', 'memslots', '-f', '3', '-e', '2'], /Cannot choose tests: current --first-test 3 after --last-test 2/],
  [['run', 'memslots', '-r', '0'], /Cannot use --runs: current "0", expected a whole number from 1/],
  [['run', 'memslots', '--memslots', 'list'], /Cannot use --memslots: current "list", expected array, tree, array-hva-tree or btree/],
  [['run', 'memslots', '--test', 'map', '--vcpus', '2'], /Cannot run test map with several vCPUs: current 2, expected 1/],
  [['run', 'memslots', '--test', 'batch', '-s', '10'], /Cannot change the flags of 10 memslots at once/],
  [['run', 'memslots', '-r', '3', '--repetitions', '4', '--engine', 'threads'], /Cannot repeat cells: current --repetitions and --runs/],
  [['run', 'dirty-log', '--format', 'selftest'], /Cannot print dirty-log with --format selftest: expected memslots, demand-paging/],
  [['run', 'demand_paging_test'], /\(did you mean demand-paging\?\)/],
  [
    ['run', 'demand-paging', '-u', 'MINOR'],
    /Cannot catch minor faults of anonymous memory: it has no page cache, expected shmem or shared_hugetlb_2mb, or missing faults/,
  ],
  [
    ['run', 'demand-paging', '-k', '--async-pf', 'kernel'],
    /Cannot use KVM Userfault with the kernel's asynchronous page faults: current kernel, expected off, or user/,
  ],
  [['run', 'demand-paging', '--async-pf', 'user'], /Cannot let user space drive asynchronous page faults: current no KVM Userfault/],
  [['run', 'demand-paging', '-r', '4'], /Cannot start readers: current no userfaultfd, expected --uffd MISSING or --uffd MINOR with --readers/],
  [['run', 'demand-paging', '-v', '64', '-u', 'MISSING', '--uffds', '65'], /Cannot use 65 userfaultfds: current 64 vCPUs, .* expected 1 or 64 \(per-vcpu\)/],
  [['run', 'demand-paging', '-s', 'guest_memfd', '-u', 'MISSING'], /Cannot register guest_memfd with a userfaultfd: .* expected KVM Userfault alone/],
  [['run', 'demand-paging', '-k', '--recovery', 'eager'], /Cannot recover huge mappings eager: current anonymous memory, which has none/],
  [['run', 'post-copy', '--latency', '-5us'], /Cannot use --latency: current "-5us", expected a time from 0 to 10s/],
  [
    ['run', 'post-copy', '--bandwidth', '10G'],
    /Cannot use --bandwidth: current "10G", expected a bandwidth in bits or bytes per second, such as 10GBit or 1.25GB\/s/,
  ],
  [['run', 'post-copy', '-u', 'none'], /Cannot migrate after the switch: current nobody who catches faults/],
  [['run', 'write-protect', '--mmu-lock', 'free', '--engine', 'threads'], /Cannot run with a free mmu_lock on real threads/],
  [['run', 'migration', '--write-protect', 'lockless', '--era', '2022'], /Cannot write-protect without mmu_lock: current era=2022, expected era=2013/],
  [['run', 'post-copy', '--format', 'selftest'], /Cannot print post-copy with --format selftest: expected memslots, demand-paging/],
  [['run', 'dirty-log', 'extra'], /Cannot run suite "extra"/],
  [['check', 'no-such-protocol'], /Cannot check "no-such-protocol": no such protocol/],
  [['check', '--scheduler', 'randm'], /Cannot use --scheduler: current "randm", .*\(did you mean random\?\)/],
  [['check', '--plugin', 'gone.js'], /Cannot use --plugin "gone.js": no such file/],
  [['check', '--plugin', 'foreign.ndjson'], /Cannot use --plugin "foreign.ndjson": /],
  [['rnu'], /Unknown command 'rnu' \(Did you mean run\?\)/],
  [['run', '--resume', 'gone.ndjson'], /Cannot resume "gone.ndjson": no such file/],
  [['show', 'gone.ndjson'], /Cannot read results "gone.ndjson": current ENOENT/],
  [['show', 'foreign.ndjson'], /Cannot read results "foreign.ndjson": line 1 is no mmulab record/],
  [['show', '.', '--format', 'pdf'], /Cannot use --format: current "pdf"/],
  [['report', 'truncated.ndjson'], /Cannot read results "truncated.ndjson": line 1 is cut off/],
  [['report', 'empty'], /Cannot read results "empty": /],
  [['run', 'dirty-log', '--smoke', '--output', 'foreign.ndjson'], /Cannot read results "foreign.ndjson": line 1 is no mmulab record/],
];

for (const [args, reason] of USAGE_ERRORS) {
  test(`mmulab ${args.join(' ')} is refused with one line and exit 2, and writes nothing`, (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'foreign.ndjson'), '{"name":"x"}\n');
    writeFileSync(join(folder, 'truncated.ndjson'), '{"schemaVersion":1,"su');
    writeFileSync(join(folder, 'empty'), '');
    const { status, stdout, stderr } = mmulab(folder, ...args);
    assert.equal(status, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, reason);
    assert.match(stderr, /^mmulab: [^\n]+\n$/);
    assert.deepEqual(readdirSync(folder).sort(), ['empty', 'foreign.ndjson', 'truncated.ndjson']);
  });
}

for (const args of [
  ['--output', 'file/sub/r.ndjson'],
  ['--output', '.'],
  ['--output', '/proc/nowhere/r.ndjson'],
  ['--output', 'r.ndjson', '--report', 'file/report.html'],
]) {
  test(`mmulab run dirty-log --smoke ${args.join(' ')} is refused with one line and exit 1 before anything runs`, (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'file'), '');
    const { status, stdout, stderr } = mmulab(folder, 'run', 'dirty-log', '--smoke', ...args);
    assert.equal(status, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^mmulab: Cannot write (results|report) [^\n]+\n$/);
    assert.deepEqual(readdirSync(folder), ['file']);
  });
}

/** A record without the fields that may differ between two runs of one seed. */
function comparable({ host: _host, wall: _wall, ...rest }: ResultRecord): unknown {
  return rest;
}

test('the smoke matrix runs for real, twice alike, and is shown, resumed and reported', (t) => {
  const folder = temporaryFolder(t);
  const first = mmulab(folder, 'run', 'dirty-log', '--smoke', '--seeds', '2', '--output', 'a.ndjson', '--report', 'a.html');
  assert.equal(first.status, 0, first.stderr);
  const second = mmulab(folder, 'run', 'dirty-log', '--smoke', '--seeds', '2', '--output', 'b.ndjson', '--jobs', '1', '--format', 'json');
  assert.equal(second.status, 0, second.stderr);

  const [a, b] = [readResults(join(folder, 'a.ndjson')), readResults(join(folder, 'b.ndjson'))];
  assert.equal(a.length, 16);
  assert.deepEqual(a.map(comparable), b.map(comparable));
  assert.ok(a.every(({ traceHashes }) => traceHashes.length === 2 && traceHashes.every((hash) => /^[0-9a-f]{16}$/.test(hash))));
  assert.ok(!`${first.stdout}${first.stderr}`.includes('\u001b'), 'ANSI in a pipe');
  assert.doesNotThrow(() => JSON.parse(second.stdout));
  assert.match(readFileSync(join(folder, 'a.html'), 'utf8'), /^<!doctype html>/i);

  const shown = mmulab(folder, 'show', 'a.ndjson');
  assert.deepEqual([shown.status, shown.stderr], [0, '']);
  assert.equal(shown.stdout, first.stdout);

  const both = mmulab(folder, 'report', '.', '-o', 'both.html');
  assert.match(both.stderr, /^16 cells are in several files: the newest of each is taken\nReport: both.html \(16 cells\)\n$/);
  assert.ok(existsSync(join(folder, 'both.html')));
});

test('--resume runs what is missing and keeps the rest byte for byte', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'r.ndjson');
  const cell = ['run', 'dirty-log', '-b', '2M', '--output', 'r.ndjson', '--quiet'];
  assert.equal(mmulab(folder, ...cell, '-v', '1').status, 0);
  const before = readFileSync(path, 'utf8');
  const { status, stderr } = mmulab(folder, 'run', 'dirty-log', '-b', '2M', '-v', '1,2', '--resume', 'r.ndjson');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /\[1\/1\] /);
  assert.equal(readResults(path).length, 2);
  assert.ok(readFileSync(path, 'utf8').includes(before));
});

test('several suites run into one file, each on its own machines, and each is resumed', (t) => {
  const folder = temporaryFolder(t);
  const run = mmulab(folder, 'run', '--smoke', '--output', 'r.ndjson');
  assert.equal(run.status, 0, run.stderr);
  const records = readResults(join(folder, 'r.ndjson'));
  assert.deepEqual([...new Set(records.map(({ suite, profile }) => `${suite}: ${profile.name}`))].sort(), [
    'demand-paging: ampereone-2024',
    'demand-paging: x86-2s48c-2024',
    'dirty-log: intel-2s48c-2022',
    'memslots: xeon-8167m-2021',
    'migration: intel-2s48c-2022',
    'migration: x5690-2013',
    'post-copy: x86-2s48c-2024',
    'write-protect: x5690-2013',
  ]);
  assert.match(run.stderr, new RegExp(`\\[${records.length}/${records.length}\\] `));
  const again = mmulab(folder, 'run', 'memslots', '--smoke', '--resume', 'r.ndjson');
  assert.equal(again.status, 0, again.stderr);
  assert.doesNotMatch(again.stderr, /\[1\//);
  assert.deepEqual(readResults(join(folder, 'r.ndjson')), records);
});

test("memslot_perf_test's own command line works, and prints what that prints", (t) => {
  const folder = temporaryFolder(t);
  const words = ['-s', '10', '-f', '1', '-e', '3', '-l', '5', '-r', '3', '-q', '-v', '-d'];
  const run = mmulab(folder, 'run', 'memslots', ...words, '--format', 'selftest', '--output', 'r.ndjson');
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stderr, /^--runs has no effect: virtual time is exact/m);
  assert.match(run.stderr, /^--verbose has no effect: progress says what runs$/m);
  const records = readResults(join(folder, 'r.ndjson'));
  assert.deepEqual(records.map(({ options }) => options.test).sort(), ['move-active', 'unmap', 'unmap-chunked']);
  assert.ok(records.every(({ options }) => options.slots === 10 && options.seconds === 5 && options.zapAll === false));
  const titles = run.stdout.match(/^Testing .*/gm);
  assert.deepEqual(
    titles,
    ['unmap', 'unmap chunked', 'move active area'].map((name) => `Testing ${name} performance with 1 runs, 5 seconds each`),
  );
  assert.match(run.stdout, /^Done \d+ iterations, avg 0\.\d{9}s each$/m);
  assert.match(run.stdout, /\nBest slot setup time for the whole test area was 0\.\d{9}s\n$/);
  assert.equal(mmulab(folder, 'show', 'r.ndjson', '--format', 'selftest').stdout, run.stdout);
});

test('a test for which the slot count is too high is left out with a note', (t) => {
  const folder = temporaryFolder(t);
  const { status, stderr } = mmulab(folder, 'run', 'memslots', '-s', '8195', '-e', '1', '--loops', '1', '--output', 'r.ndjson');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^Memslot count too high for test map, which is left out: decrease the cap \(max is 8194\)$/m);
  assert.deepEqual(
    readResults(join(folder, 'r.ndjson')).map(({ options }) => options.test),
    ['unmap'],
  );
});

test("a post's own command line works, and says what has no effect", (t) => {
  const folder = temporaryFolder(t);
  const { status, stderr } = mmulab(
    folder,
    'run',
    'dirty-log',
    '-v',
    '2',
    '-b',
    '4M',
    '-s',
    'anonymous_hugetlb_1gb',
    '-f',
    '5',
    '-m',
    '3',
    '-c',
    '0,1',
    '-p',
    '1',
  );
  assert.equal(status, 0, stderr);
  assert.match(stderr, /--mode has no effect: x86 has one guest mode/);
  assert.match(stderr, /--pin has no effect/);
  assert.match(stderr, /--offset has no effect/);
  const [record] = readResults(join(folder, 'results/dirty-log.ndjson'));
  assert.deepEqual([record.options.vcpus, record.options.writeEvery, record.options.backing], [2, 5, 'anonymous_hugetlb_1gb']);
});

test("the KVM Userfault post's own command line works, and prints what the selftest prints", (t) => {
  const folder = temporaryFolder(t);
  const words = ['-b', '1M', '-a', '-v', '4', '-s', 'shmem', '-r', '1', '-u', 'MINOR', '-k', '-m', '3'];
  const { status, stdout, stderr } = mmulab(folder, 'run', 'demand-paging', ...words, '--format', 'selftest', '--output', 'r.ndjson');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^--mode has no effect/m);
  const [{ options, metrics }] = readResults(join(folder, 'r.ndjson'));
  assert.deepEqual([options.singleUffd, options.readers, options.uffd, options.kvmUserfault, options.preallocate], [true, 1, 'minor', true, true]);
  const seconds = metrics.total_guest_execution_time.median / 1e9;
  assert.ok(Math.abs(metrics.per_vcpu_demand_paging_rate.median / (256 / seconds) - 1) < 1e-9);
  assert.match(stdout, /^Testing guest mode: .*\nguest physical test memory: .*\nFinished .*\nStarted .*\nAll .*\nTotal guest execution time:\t0\.\d{9}s\n/);
  assert.match(stdout, /\nPer-vcpu demand paging rate:\t\d+\.\d{6} pgs\/sec\/vcpu\nOverall demand paging rate:\t\d+\.\d{6} pgs\/sec\n$/);
});

test('seeds of an order-sensitive cell give a median and a range', (t) => {
  const folder = temporaryFolder(t);
  const { status, stderr } = mmulab(
    folder,
    'run',
    'demand-paging',
    '-b',
    '256K',
    '-v',
    '8',
    '-u',
    'MISSING',
    '-a',
    '-r',
    '8',
    '--seeds',
    '3',
    '--output',
    'r.ndjson',
  );
  assert.equal(status, 0, stderr);
  const [{ metrics }] = readResults(join(folder, 'r.ndjson'));
  const { kind, values, low, median, high } = metrics.per_vcpu_demand_paging_rate;
  assert.equal(values.length, 3);
  assert.ok(kind !== 'sampled' && low <= median && median <= high);
});

test('a change of a primitive cost is named in the results and changes them', (t) => {
  const folder = temporaryFolder(t);
  const args = ['run', 'dirty-log', '-v', '1', '-b', '4M', '--split', 'eager', '-g', '--output', 'r.ndjson', '--quiet'];
  assert.equal(mmulab(folder, ...args).status, 0);
  assert.equal(mmulab(folder, ...args, '--set', 'split_spte=+100%').status, 0);
  const [base, changed] = readResults(join(folder, 'r.ndjson')).sort((a, b) => a.profile.overrides.length - b.profile.overrides.length);
  assert.deepEqual([base.profile.overrides, changed.profile.overrides], [[], ['split_spte=+100%']]);
  assert.notEqual(base.profile.hash, changed.profile.hash);
  assert.ok(changed.metrics.enable_dirty_logging.median > base.metrics.enable_dirty_logging.median);
});

test('the threads engine gives sampled results with their validity', (t) => {
  const folder = temporaryFolder(t);
  const run = mmulab(
    folder,
    'run',
    'dirty-log',
    '--engine',
    'threads',
    '-v',
    '2',
    '-b',
    '2M',
    '--repetitions',
    '2',
    '--output',
    'r.ndjson',
    '--time-scale',
    '0',
  );
  assert.equal(run.status, 0, run.stderr);
  const [record] = readResults(join(folder, 'r.ndjson'));
  assert.equal(record.engine, 'threads');
  assert.equal(record.metrics.dirty_memory_iter1.kind, 'sampled');
  assert.equal(record.metrics.dirty_memory_iter1.values.length, 2);
  assert.ok(record.validity !== undefined);
  assert.ok(record.warnings.some(({ code }) => code === 'few-repetitions'));
});

test('Ctrl-C keeps every finished cell, prints the command that resumes, and exits 130', async (t) => {
  const folder = temporaryFolder(t);
  const args = ['run', 'dirty-log', '-v', '1,2', '-b', '4M', '--seeds', '40', '--jobs', '1', '--output', 'r.ndjson'];
  const child = spawn(process.execPath, [CLI, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  let asked = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    // The first cell has 40 runs: at the 41st it is in the file.
    if (!asked && stderr.includes('[41/80]')) asked = child.kill('SIGINT');
  });
  const [status] = (await once(child, 'close')) as [number | null];
  assert.equal(status, 130, stderr);
  assert.match(stderr, /Stopping: the cells that run are finished and saved/);
  assert.match(
    stderr,
    /Interrupted: 1 of 2 cells are in r\.ndjson; resume with:\n {2}mmulab run dirty-log -v 1,2 -b 4M --seeds 40 --jobs 1 --output r\.ndjson --resume\n$/,
  );
  assert.equal(readResults(join(folder, 'r.ndjson')).length, 1);
  const resumed = mmulab(folder, ...args, '--resume');
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.match(resumed.stderr, /\[40\/40\] /);
  assert.equal(readResults(join(folder, 'r.ndjson')).length, 2);
});

test('a reader that goes away ends show quietly', async (t) => {
  const folder = temporaryFolder(t);
  assert.equal(mmulab(folder, 'run', 'dirty-log', '-v', '1', '-b', '2M', '--output', 'r.ndjson', '--quiet').status, 0);
  const child = spawn(process.execPath, [CLI, 'show', 'r.ndjson'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  assert.deepEqual([status, stderr], [0, '']);
});
