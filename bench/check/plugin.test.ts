import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UsageError } from '../errors.js';
import { EXAMPLE_PLUGIN } from './checks.fixture.js';
import { loadPlugin } from './plugin.js';

test("the guide's protocol is one", async () => {
  const { name, plants } = await loadPlugin(EXAMPLE_PLUGIN);
  assert.equal(name, 'vcpu-request');
  assert.deepEqual(
    plants.map((plant) => plant.name),
    ['check-first', 'no-fence'],
  );
});

const GOOD = `name: 'a', summary: 's', claims: [{ name: 'c', claim: 'x' }], plants: [], vcpus: { min: 1, max: 2, usual: 2 }, interruptible: [],
  actors: () => [], arenaWords: () => 1, build() {}`;

function moduleOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-plugin-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'plugin.mjs');
  writeFileSync(path, text);
  return path;
}

test('loadPlugin says what to do about a .js file that Node does not take for an ES module', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-plugin-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'plugin.js');
  writeFileSync(path, 'export default {');
  await assert.rejects(loadPlugin(path), /name it \.mjs\)$/);
});

test('loadPlugin takes whatever has the shape of a protocol', async (t) => {
  const { name } = await loadPlugin(moduleOf(t, `export default { ${GOOD} };`));
  assert.equal(name, 'a');
});

const REFUSED: [string, string, RegExp][] = [
  ['a module that does not parse', 'export default {', /Unexpected/],
  ['a module that throws', 'throw new Error("no\\nway");', /: no way$/],
  ['no default export', 'export const a = 1;', /current default export of type undefined, expected a protocol$/],
  ['null', 'export default null;', /of type null/],
  ['a name with spaces', `export default { ${GOOD}, name: 'a b' };`, /name: current "a b", expected a word/],
  ['no summary', `export default { ${GOOD}, summary: undefined };`, /summary: current undefined, expected a string/],
  ['claims without a text', `export default { ${GOOD}, claims: [{ name: 'c' }] };`, /claims: expected a list of \{ name, claim \}/],
  ['plants that are no list', `export default { ${GOOD}, plants: {} };`, /plants: expected a list of \{ name, what \}/],
  ['a range the wrong way round', `export default { ${GOOD}, vcpus: { min: 3, max: 2, usual: 2 } };`, /vcpus: current .* expected \{ min, max, usual \}/],
  ['locks without names', `export default { ${GOOD}, interruptible: [1] };`, /interruptible: expected a list of names/],
  ['no build', `export default { ${GOOD}, build: 1 };`, /build: current number, expected a function/],
];

for (const [what, text, reason] of REFUSED) {
  test(`loadPlugin refuses ${what} in one line`, async (t) => {
    const path = moduleOf(t, text);
    await assert.rejects(
      loadPlugin(path),
      (error) => error instanceof UsageError && error.message.startsWith('Cannot use --plugin ') && reason.test(error.message) && !error.message.includes('\n'),
    );
  });
}
