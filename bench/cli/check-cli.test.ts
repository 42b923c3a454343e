// `mmulab check` as a user runs it: threads, signals, and the guide's protocol as a plugin.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EXAMPLE_PLUGIN } from '../check/checks.fixture.js';

const CLI = fileURLToPath(new URL('../index.js', import.meta.url));
const EXAMPLE = ['vcpu-request', '--plugin', EXAMPLE_PLUGIN];

/** Three actors that write one word over and over: more schedules than anybody has time for. */
const ENDLESS = `
function* scribble(cpu, word) {
  for (let i = 0; i < 20; i++) {
    if (cpu.touch(word)) yield;
    cpu.store(word, cpu.load(word) + 1);
  }
}
export default {
  name: 'endless', summary: 'writes', claims: [{ name: 'none', claim: 'nothing' }], plants: [], vcpus: { min: 3, max: 3, usual: 3 }, interruptible: [],
  actors: () => ['a', 'b', 'c'], arenaWords: () => 16,
  build({ arena, cpus }) { const word = arena.carveLine('word'); return { paths: () => cpus.map((cpu) => scribble(cpu, word)) }; },
};`;

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-check-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function check(folder: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'check', ...args], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}

test("the guide's protocol holds under both memory orders, and its planted bugs are found", (t) => {
  const folder = temporaryFolder(t);
  const { status, stdout, stderr } = check(folder, '--plugin', EXAMPLE_PLUGIN);
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^Right versions: 2 hold, 0 broken, 0 unfinished\.\nPlanted bugs: 2 of 2 found\.$/m);
  assert.doesNotMatch(stdout, /coarse|\u001b/);
  assert.deepEqual(readdirSync(folder), [], 'a plugin is saved where --output says so alone');
});

for (const plant of ['check-first', 'no-fence']) {
  test(`the last line of ${plant} replays it: the same history, the same trace`, (t) => {
    const folder = temporaryFolder(t);
    const found = check(folder, ...EXAMPLE, '--plant', plant);
    assert.deepEqual([found.status, found.stderr], [20, '']);
    assert.match(found.stdout, /^Broken: no-lost-request: The vCPU runs its guest/);
    const [, ...words] = (found.stdout.trimEnd().split('\n').at(-1) ?? '').split(' ');
    assert.equal(words.shift(), 'check');
    const again = check(folder, ...words);
    assert.deepEqual([again.status, again.stderr], [20, '']);
    const essence = (text: string): string[] => text.split('\n').filter((line) => !/schedule|exhaustive|replay|^Trace/.test(line));
    assert.deepEqual(essence(again.stdout), essence(found.stdout));
    const traceOf = (text: string): string | undefined => /^Trace ([0-9a-f]{16})/m.exec(text)?.[1];
    assert.ok(traceOf(found.stdout) !== undefined);
    assert.equal(traceOf(again.stdout), traceOf(found.stdout));
  });
}

for (const replay of ['x y', 'z9', 'a3b2C', 'a99999']) {
  test(`the replay string ${JSON.stringify(replay)} does not fit: one line, exit 2`, (t) => {
    const { status, stdout, stderr } = check(temporaryFolder(t), ...EXAMPLE, '--replay', replay);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^mmulab: Cannot replay "[^\n"]+": expected [^\n]+\n$/);
  });
}

test('a search that its time cuts off is unfinished, exit 0', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'endless.mjs'), ENDLESS);
  const { status, stdout } = check(folder, 'endless', '--plugin', './endless.mjs', '--seconds', '1', '--output', 'r.ndjson');
  assert.equal(status, 0);
  assert.match(stdout, /^endless: unfinished after [\d,.]+( M)? schedules\n/);
  assert.ok(existsSync(join(folder, 'r.ndjson')));
});

test('Ctrl-C ends the search, prints what was explored, and exits 130', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'endless.mjs'), `process.stderr.write('loaded\\n');${ENDLESS}`);
  const args = [CLI, 'check', 'endless', '--plugin', './endless.mjs'];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
      // The second time it is the thread of the search that loads the module.
      if (name === 'stderr' && said.stderr.endsWith('loaded\nloaded\n')) child.kill('SIGINT');
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  assert.equal(status, 130, said.stderr);
  assert.match(said.stdout, /^endless: unfinished after [\d,.]+( M)? schedules?\n/);
  assert.match(said.stderr, /Stopping: what was explored follows/);
});
