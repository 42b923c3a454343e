import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseRegions } from './regions-file.js';

const CLI = fileURLToPath(new URL('../index.js', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/qemu-regions.ndjson', import.meta.url));

function regions(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'regions', ...args], { input, encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}

function ioctl(slot: number, at: string, size: string | number): string {
  return `{"slot": ${slot}, "guest_phys_addr": "${at}", "memory_size": ${JSON.stringify(size)}, "userspace_addr": "0x7f5c40000000"}\n`;
}

const OVERLAP = `${ioctl(1, '4G', '2G')}# the DIMM\n${ioctl(3, '5G', '1G')}${ioctl(2, '8G', 0)}${ioctl(2, '8G', '1G')}`;

test('regions replays the example on every structure, with every kind of ioctl', () => {
  const calls = parseRegions(readFileSync(EXAMPLE, 'utf8'), EXAMPLE);
  const { status, stdout, stderr } = regions([EXAMPLE, '--format', 'json']);
  assert.deepEqual([status, stderr], [0, '']);
  const { structures, profile } = JSON.parse(stdout);
  assert.equal(profile, 'xeon-8167m-2021');
  assert.ok(structures.length >= 3);
  for (const { ioctls, kinds, calls: timed, memslotCount } of structures) {
    assert.deepEqual([ioctls, timed.length, memslotCount], [calls.length, calls.length, 8]);
    assert.deepEqual(Object.keys(kinds), ['create', 'delete', 'move', 'flags', 'batch']);
    assert.deepEqual(
      timed.map((call: { line: number }) => call.line),
      calls.map(({ line }) => line),
    );
  }
});

test('the slowest ioctl is the one that takes longest, by its line', () => {
  const { stdout } = regions(['-', '--memslots', 'tree', '--format', 'json'], `\n${ioctl(1, '0', '4K')}\n${ioctl(2, '4G', '1G')}${ioctl(1, '0', 0)}`);
  const [{ slowest, totalNs, calls }] = JSON.parse(stdout).structures;
  assert.equal(slowest.line, 4);
  assert.equal(slowest.ns, Math.max(...calls.map(({ ns }: { ns: number }) => ns)));
  assert.ok(slowest.ns < totalNs);
});

test('the first ioctl that KVM refuses ends the replay with one line, exit code 2 and no table', () => {
  assert.deepEqual(regions(['-'], OVERLAP), {
    status: 2,
    stdout: '',
    stderr: 'stdin:3: EEXIST: memslot 3 overlaps memslot 1; nothing changed (memory_size 1G, guest_phys_addr 0x140000000, userspace_addr 0x7f5c40000000)\n',
  });
});

test('--keep-going reports every refusal once, counts them, and goes on to exit code 2', () => {
  const { status, stdout, stderr } = regions(['-', '--keep-going', '--format', 'csv'], OVERLAP);
  assert.equal(status, 2);
  assert.match(
    stderr,
    /^stdin:3: EEXIST: [^\n]+\nstdin:4: EINVAL: memslot 2 has memory_size 0, which deletes it, but there is none with that id; nothing changed\n$/,
  );
  const [head, ...rows] = stdout
    .trimEnd()
    .split('\n')
    .map((row) => row.split(','));
  assert.ok(rows.length >= 3);
  for (const row of rows) {
    const value = (column: string) => row[head.indexOf(column)];
    assert.deepEqual(['ioctls', 'create_count', 'refused_count', 'memslots_at_end', 'delete_mean_ns'].map(value), ['4', '2', '2', '2', '']);
  }
});

test('--max-slots is a limit that KVM enforces', () => {
  const { status, stderr } = regions(['-', '--max-slots', '2'], ioctl(1, '0', '4K') + ioctl(2, '4G', '4K'));
  assert.equal(status, 2);
  assert.match(stderr, /^stdin:2: EINVAL: memslot id 2 is out of range, expected 0 to 1; nothing changed [^\n]+\n$/);
});

test('options change the machine: a dearer cost takes longer, -q is the other zap', () => {
  const total = (...args: string[]): number => JSON.parse(regions([EXAMPLE, '--memslots', 'tree', '--format', 'json', ...args]).stdout).structures[0].totalNs;
  assert.ok(total('--set', 'srcu_grace_period=+100%') > total());
  assert.notEqual(total('-q'), total());
});

test('text and Markdown have one column for each structure that was asked for', () => {
  const text = regions([EXAMPLE, '--memslots', 'tree,array']);
  assert.match(text.stdout, /^memslots in +tree +array\nioctls +29 +29\nmemslots at the end +8 +8\ntotal time /);
  const markdown = regions([EXAMPLE, '--memslots', 'tree', '--format', 'markdown']);
  assert.match(markdown.stdout, /^\| memslots in \| tree \|\n\|---\|---:\|\n\| ioctls \| 29 \|\n/);
});

const USAGE_ERRORS: [string[], string, RegExp][] = [
  [['gone.ndjson'], '', /Cannot read regions: gone.ndjson: current ENOENT/],
  [['-'], '', /Cannot read regions: stdin has no ioctl/],
  [['-'], '{"slot"', /Cannot read regions: stdin:1: current no JSON/],
  [['-'], ioctl(1, '0', '1T'), /Cannot replay stdin: current 1T of different guest addresses \(most of them on line 1: 1T\), expected at most 64G/],
  [['-', '--memslots', 'heap'], OVERLAP, /Cannot use --memslots: current "heap", expected array, /],
  [['-', '--max-slots', '32765'], OVERLAP, /Cannot use --max-slots: current "32765", expected a whole number from 1 to 32764/],
  [['-', '--format', 'selftest'], OVERLAP, /Cannot use --format: current "selftest", expected text, markdown, csv or json/],
  [['-', '--profile', 'gone'], OVERLAP, /Cannot read machine profile "gone"/],
  [['-', '--set', 'warp=1'], OVERLAP, /Cannot set "warp=1"/],
  [['-', '--seed', 'x'], OVERLAP, /Cannot use --seed: current "x"/],
  [[], '', /Missing required argument 'file'/],
];

for (const [args, input, reason] of USAGE_ERRORS) {
  test(`mmulab regions ${args.join(' ')} < ${JSON.stringify(input.slice(0, 20))} is refused with one line and exit 2`, () => {
    const { status, stdout, stderr } = regions(args, input);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, reason);
    assert.match(stderr, /^mmulab: [^\n]+\n$/);
  });
}
