import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { compiledTests } from './test.js';

const folder = mkdtempSync(join(tmpdir(), 'mmulab-tests-'));
after(() => rmSync(folder, { recursive: true }));

/** A checkout with the given files, all of them with the same text. */
function checkout(name: string, files: string[], text = ''): string {
  const root = join(folder, name);
  for (const file of ['package.json', ...files]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), file === 'package.json' ? '{"type":"module"}' : text);
  }
  return root;
}

/** The exit code of `runTests` and what it printed. */
function runIn(root: string): { status: number | null; stdout: string } {
  const code = `import { runTests } from ${JSON.stringify(new URL('./test.js', import.meta.url).href)}; process.exitCode = runTests(${JSON.stringify(root)});`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
}

test('compiledTests takes the tests that have a source, and leaves stale output out', () => {
  const root = checkout('stale', ['sim/a.test.ts', 'sim/a.ts', 'dist/sim/a.test.js', 'dist/sim/gone.test.js', 'bench/x/b.test.ts', 'dist/bench/x/b.test.js']);
  assert.deepEqual(compiledTests(root), ['dist/bench/x/b.test.js', 'dist/sim/a.test.js']);
});

test('compiledTests throws when there is no test', () => {
  assert.throws(() => compiledTests(checkout('none', ['sim/a.ts', 'dist/sim/gone.test.js'])), /Cannot run tests: current no "\*\.test\.ts"/);
});

test('compiledTests throws when a test has not been compiled', () => {
  assert.throws(() => compiledTests(checkout('uncompiled', ['sim/a.test.ts'])), /current no "dist\/sim\/a\.test\.js"/);
});

test('runTests passes the exit code on and ends with the closing lines of the runner', () => {
  const files = ['sim/a.test.ts', 'dist/sim/a.test.js'];
  const good = runIn(checkout('good', files, "import { test } from 'node:test'; test('good', () => {});"));
  assert.equal(good.status, 0);
  assert.match(good.stdout, /tests 1\n.*\n.*pass 1\n(.*\n)*.*duration_ms [\d.]+\n$/);
  const bad = runIn(checkout('bad', files, "import { test } from 'node:test'; test('bad', () => { throw new Error('planted'); });"));
  assert.equal(bad.status, 1);
  assert.match(bad.stdout, /fail 1/);
});
