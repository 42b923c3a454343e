import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RuleTester } from 'eslint';
import { parser } from 'typescript-eslint';
import { suspendMustYield } from './suspend-must-yield.js';

RuleTester.describe = describe;
RuleTester.it = it;

/** A path around one line that is under test. */
function inPath(line: string): string {
  return `function* path(cpu: Cpu, lock: RwLock): KernelPath { ${line} }`;
}

describe('suspendMustYield by name', () => {
  new RuleTester({ languageOptions: { parser } }).run('suspend-must-yield', suspendMustYield, {
    valid: [
      inPath('if (cpu.touch(word)) yield; return cpu.load(word);'),
      inPath('if (lock.writeLock(cpu, 1)) { yield; }'),
      inPath('while (value === 0) { if (cpu.waitForChange(word, value)) yield; value = cpu.load(word); }'),
      inPath('if (mustLock && lock.writeLock(cpu, 1)) yield;'),
      inPath('if (reads ? lock.readLock(cpu, 1) : lock.writeLock(cpu, 1)) yield;'),
      inPath('if (cpu.touch(word)) { yield; serviceRequests(); }'),
      inPath('while (true) { if (cpu.run(100)) yield; }'),
      inPath('yield* otherPath(cpu);'),
      inPath('const answer = () => lock.readLock(cpu, 1);'),
      'function forward(cpu: Cpu, lock: SpinLock): Suspend { return lock.lock(cpu, 1); }',
      'function neverSuspends(cpu: Cpu, lock: SpinLock): void { lock.lock(cpu, 1); }',
    ],
    invalid: [
      { name: 'the answer is dropped', code: inPath('cpu.touch(word); return cpu.load(word);'), errors: [{ messageId: 'mustYield' }] },
      { name: 'a wait is dropped', code: inPath('cpu.waitForChange(word, 0); return cpu.load(word);'), errors: [{ messageId: 'mustYield' }] },
      { name: 'something else than yield', code: inPath('if (cpu.touch(word)) return;'), errors: [{ messageId: 'mustYield' }] },
      { name: 'a negated test', code: inPath('if (!lock.readLock(cpu, 1)) yield;'), errors: [{ messageId: 'mustYield' }] },
      {
        name: 'two primitives in one test',
        code: inPath('if (cpu.touch(a) || cpu.touch(b)) yield;'),
        errors: [{ messageId: 'mustYield' }, { messageId: 'mustYield' }],
      },
      { name: 'the first of two primitives', code: inPath('if (cpu.touch(a) && cpu.touch(b)) yield;'), errors: [{ messageId: 'mustYield' }] },
      { name: 'a condition that comes after', code: inPath('if (lock.readLock(cpu, 1) && late) yield;'), errors: [{ messageId: 'mustYield' }] },
      { name: 'something before the yield', code: inPath('if (lock.writeUnlock(cpu)) { count++; yield; }'), errors: [{ messageId: 'mustYield' }] },
      { name: 'a primitive that chooses', code: inPath('if (cpu.touch(a) ? b : c) yield;'), errors: [{ messageId: 'mustYield' }] },
      { name: 'nothing at all', code: inPath('if (cpu.touch(a)) {}'), errors: [{ messageId: 'mustYield' }] },
      { name: 'an else', code: inPath('if (cpu.run(5)) yield; else count++;'), errors: [{ messageId: 'mustYield' }] },
      { name: 'the answer is kept for later', code: inPath('const late = lock.unlock(cpu); if (late) yield;'), errors: [{ messageId: 'mustYield' }] },
      { name: 'the yield hands out a value', code: inPath('if (cpu.touch(word)) yield 1;'), errors: [{ messageId: 'mustYield' }] },
      {
        name: 'a plain function drops the answer',
        code: 'function forgetful(cpu: Cpu, lock: SpinLock): void { lock.lock(cpu, 1); }',
        options: [{ plainFunctions: true }],
        errors: [{ messageId: 'dropped' }],
      },
    ],
  });
});

describe('suspendMustYield with type information', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-seam-'));
  const filename = join(folder, 'path.ts');
  const seam = `
    type Suspend = boolean;
    type KernelPath<T = void> = Generator<void, T, void>;
    declare const kvm: { flush(): Suspend; run(): number; walk(): KernelPath<number> };
  `;
  before(() => {
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { strict: true, target: 'es2022', types: [] }, include: ['*.ts'] }));
    writeFileSync(filename, seam);
  });
  after(() => rmSync(folder, { recursive: true }));

  new RuleTester({ languageOptions: { parser, parserOptions: { projectService: true, tsconfigRootDir: folder } } }).run(
    'suspend-must-yield',
    suspendMustYield,
    {
      valid: [
        { name: 'a helper that answers Suspend', filename, code: `${seam} function* path(): KernelPath { if (kvm.flush()) yield; }` },
        { name: 'the same name with another meaning', filename, code: `${seam} function* path(): KernelPath { kvm.run(); }` },
        { name: 'a driven path', filename, code: `${seam} function* path(): KernelPath { yield* kvm.walk(); }` },
      ],
      invalid: [
        { name: 'a helper without its yield', filename, code: `${seam} function* path(): KernelPath { kvm.flush(); }`, errors: [{ messageId: 'mustYield' }] },
        { name: 'a path that nobody drives', filename, code: `${seam} function* path(): KernelPath { kvm.walk(); }`, errors: [{ messageId: 'notDriven' }] },
      ],
    },
  );
});
