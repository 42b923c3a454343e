// `npm test`: runs every compiled test whose source still exists, and ends with the closing lines of node's own runner.
//
// The compiler leaves the output of deleted sources in dist/, so the list comes from the sources and not from dist/.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, sourceFiles } from './sources.js';

/** Test files that run at once: more of them would disturb the tests that measure time. */
const CONCURRENCY = 2;

/**
 * The compiled tests below `root`, one for each `*.test.ts`, as sorted paths relative to it.
 * Throws when there is none, or when a test has not been compiled.
 */
export function compiledTests(root: string): string[] {
  const compiled = sourceFiles(root)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `dist/${file.replace(/\.ts$/, '.js')}`);
  if (compiled.length === 0) throw new Error(`Cannot run tests: current no "*.test.ts" below "${root}", expected some`);
  const missing = compiled.find((file) => !existsSync(join(root, file)));
  if (missing) throw new Error(`Cannot run tests: current no "${missing}", expected it beside its source's output; run "npm run build"`);
  return compiled;
}

/** Runs the tests below `root` with node's runner; returns its exit code (1 when it was killed). */
export function runTests(root: string): number {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = ['--test', `--test-concurrency=${CONCURRENCY}`, '--test-reporter=spec', ...compiledTests(root)];
  return spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' }).status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = runTests(ROOT);
