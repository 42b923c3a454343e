import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../index.js', import.meta.url));

function mmulab(t: TestContext, ...args: string[]): { status: number | null; stdout: string; stderr: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-bench-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { ...spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: 'utf8', timeout: 120_000 }), folder };
}

test('mmulab bench structures --smoke prints tables and draws the chart', (t) => {
  const { status, stdout, stderr, folder } = mmulab(t, 'bench', 'structures', '--smoke', '--chart', 'chart.svg');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^overlap by hva$/m);
  assert.match(stdout, /^btree .* M ±\d+%/m);
  assert.match(stdout, /scan by hva is slower than/);
  assert.match(stderr, /^\[3\/3\] 300 memslots: /m);
  const svg = readFileSync(join(folder, 'chart.svg'), 'utf8');
  assert.match(svg, /^<svg .*sorted-btree/s);
});

test('mmulab bench structures takes sizes and a format, and can be quiet', (t) => {
  const { status, stdout, stderr } = mmulab(t, 'bench', 'structures', '--smoke', '--sizes', '20,10', '--format', 'csv', '--quiet');
  assert.deepEqual([status, stderr], [0, '']);
  const lines = stdout.trim().split('\n');
  assert.match(lines[0], /^operation,structure,n,ns_per_op/);
  assert.deepEqual([...new Set(lines.slice(1).map((line) => line.split(',')[2]))], ['10', '20']);
});

for (const [args, message] of [
  [['bench'], /^mmulab: Missing required argument 'name'/],
  [['bench', 'structure'], /^mmulab: Cannot bench "structure": no such benchmark, expected structures \(did you mean structures\?\)\n$/],
  [['bench', 'structures', '--sizes', '5'], /^mmulab: Cannot use --sizes: current "5", expected a whole number from 10 to 1000000, or a list of them\n$/],
  [['bench', 'structures', '--sizes', ''], /^mmulab: Cannot use --sizes: /],
  [['bench', 'structures', '--sizes', '10,2000000'], /^mmulab: Cannot use --sizes: /],
  [['bench', 'structures', '--format', 'xml'], /^mmulab: Cannot use --format: current "xml", expected text, markdown, csv or json\n$/],
  [['bench', 'structures', '--chart', 'chart.png'], /^mmulab: Cannot use --chart: current "chart.png", expected a file name that ends in \.svg\n$/],
  [['bench', 'structures', '--size', '10'], /^mmulab: Unknown option '--size' \(Did you mean --sizes\?\)/],
] as const) {
  test(`mmulab ${args.join(' ')} is refused in one line`, (t) => {
    const { status, stdout, stderr, folder } = mmulab(t, ...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1);
    assert.equal(stdout, '');
    assert.ok(!existsSync(join(folder, 'chart.png')));
  });
}
