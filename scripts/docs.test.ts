import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './sources.js';

interface PackageFile {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

/** The project's own Markdown files, relative to its root. */
function markdownFiles(): string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => join('docs', file));
  return [...readdirSync(ROOT), ...docs].filter((file) => file.endsWith('.md'));
}

/** Targets of links and pictures that point into the checkout. */
function localTargets(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1].replace(/#.*/, '')).filter((target) => target && !/^[a-z]+:/.test(target));
}

test('each link in the documents leads to a file', () => {
  const files = markdownFiles();
  assert.ok(files.includes('README.md') && files.length > 8, `${files.length} documents`);
  for (const file of files) {
    for (const target of localTargets(readFileSync(join(ROOT, file), 'utf8'))) {
      assert.ok(existsSync(join(ROOT, dirname(file), target)), `"${file}" links to "${target}", which is not there`);
    }
  }
});

test('each package has its line of reason, and no line outlives its package', () => {
  const { dependencies, optionalDependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as PackageFile;
  const reasons = readFileSync(join(ROOT, 'docs/decisions/0002-packages.md'), 'utf8');
  const named = [...reasons.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
  assert.deepEqual(named.sort(), [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...Object.keys(devDependencies)].sort());
});
