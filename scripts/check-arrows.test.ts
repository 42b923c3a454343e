import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkArrows } from './check-arrows.js';
import { ROOT } from './sources.js';

const CLEAN = {
  'sim/index.ts': "export { run } from './machine/run.js';\n",
  'sim/machine/run.ts': "import { fault } from '../kvm/fault.js';\nexport const run = fault;\n",
  'sim/kvm/fault.ts': "import type { Cpu } from '../engine/cpu.js';\nexport const fault = (cpu: Cpu) => cpu;\n",
  'sim/engine/cpu.ts': 'export type Cpu = number;\n',
  'sim/engine/virtual/loop.ts': "import type { Cpu } from '../cpu.js';\nexport const loop: Cpu = 1;\n",
  'bench/results/index.ts': 'export const readResults = 1;\n',
  'bench/cli/report.ts': "export const report = async () => import('../../reports/index.js');\n",
  'reports/index.ts': "export { readResults } from '../bench/results/index.js';\n",
};

/** Checks a small project in a temporary folder: the clean one, with some files replaced or added. */
async function problemsOf(files: Record<string, string>): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'mmulab-arrows-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    writeFileSync(join(root, 'package.json'), JSON.stringify({ type: 'module', dependencies: { zod: '4' }, devDependencies: { 'fast-check': '4' } }));
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    return (await checkArrows(root)).problems;
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Plants one wrong file and expects exactly the rule that forbids it. */
async function plant(rule: string, file: string, text: string): Promise<void> {
  const problems = await problemsOf({ ...CLEAN, [file]: text });
  assert.deepEqual([...new Set(problems.map((line) => line.split(':')[0]))], [rule], problems.join('\n'));
}

test('checkArrows accepts a clean project', async () => {
  assert.deepEqual(await problemsOf(CLEAN), []);
});

test('checkArrows refuses to pass on nothing', async () => {
  const [problem] = await problemsOf({});
  assert.match(problem, /^Cannot check arrows: current no TypeScript source/);
});

test('checkArrows doubts sources in which it sees no import', async () => {
  const [problem] = await problemsOf({ 'sim/index.ts': 'export const one = 1;\n' });
  assert.match(problem, /current 0 imports in 1 modules/);
});

test('checkArrows accepts tests and kits that use an engine', async () => {
  const text = "import { loop } from '../engine/virtual/loop.js';\nconsole.log(loop);\n";
  assert.deepEqual(await problemsOf({ ...CLEAN, 'sim/kvm/fault.test.ts': text, 'sim/memory/words.kit.ts': text }), []);
});

const PLANTED: [rule: string, file: string, text: string][] = [
  ['kvm-over-the-seam', 'sim/kvm/fault.ts', "import { loop } from '../engine/virtual/loop.js';\nexport const fault = () => loop;\n"],
  ['kvm-over-the-seam', 'sim/kvm/walk.ts', "import type { loop } from '../engine/virtual/loop.js';\nexport type Walk = typeof loop;\n"],
  ['engines-stand-apart', 'sim/engine/virtual/loop.ts', "import { fault } from '../../kvm/fault.js';\nexport const loop = fault;\n"],
  ['engines-stand-apart', 'sim/engine/threads/gang.ts', "import { loop } from '../virtual/loop.js';\nexport const gang = loop;\n"],
  ['sim-stands-alone', 'sim/machine/run.ts', "import { readResults } from '../../bench/results/index.js';\nexport const run = readResults;\n"],
  ['sim-without-packages', 'sim/machine/run.ts', "import { z } from 'zod';\nexport const run = z;\n"],
  ['sim-knows-no-host', 'sim/kvm/clock.ts', "import { performance } from 'node:perf_hooks';\nexport const clock = performance;\n"],
  ['bench-through-the-door', 'bench/cli/run.ts', "import { fault } from '../../sim/kvm/fault.js';\nexport const run = fault;\n"],
  ['reports-read-results', 'reports/live.ts', "import { run } from '../sim/index.js';\nexport const live = run;\n"],
  ['reports-loaded-late', 'bench/cli/show.ts', "import { readResults } from '../../reports/index.js';\nexport const show = readResults;\n"],
  ['not-resolvable', 'bench/cli/gone.ts', "import { gone } from './nowhere.js';\nexport const here = gone;\n"],
  ['no-development-package', 'bench/cli/odd.ts', "import fc from 'fast-check';\nexport const odd = fc;\n"],
];

for (const [rule, file, text] of PLANTED) {
  test(`checkArrows finds ${rule} in ${file}`, () => plant(rule, file, text));
}

test('checkArrows sees every source of this checkout', async () => {
  const { moduleCount, dependencyCount } = await checkArrows(ROOT);
  assert.ok(moduleCount > 20 && dependencyCount > 20, `${moduleCount} modules, ${dependencyCount} imports`);
});
