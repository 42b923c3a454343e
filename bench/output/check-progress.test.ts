import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCheckProgress } from './check-progress.js';

function streamOf(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  const written: string[] = [];
  const stream = { isTTY, columns: 60, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream;
  return { stream, text: () => written.join('') };
}

test('a terminal sees schedules, pruned and the rate, within its width', () => {
  const { stream, text } = streamOf(true);
  let now = 0;
  const progress = openCheckProgress({ count: 12, quiet: false, stream, nowMs: () => now });
  progress.show('write-protect, 2 vCPUs, sc', { schedules: 0, pruned: 0, steps: 0 });
  now = 2000;
  progress.show('write-protect, 2 vCPUs, sc', { schedules: 3000, pruned: 40, steps: 9 });
  const lines = text().split('\r\u001b[K');
  assert.equal(lines[2], '[0/12] write-protect, 2 vCPUs, sc: 3000 schedules, 40 prune');
  assert.ok(lines.every((line) => line.length < 60));
});

test('the rate is that of the check which runs', () => {
  const { stream, text } = streamOf(true);
  let now = 0;
  const progress = openCheckProgress({ count: 1, quiet: false, stream, nowMs: () => now });
  progress.show('a', { schedules: 0, pruned: 0, steps: 0 });
  now = 2000;
  progress.show('a', { schedules: 3000, pruned: 40, steps: 9 });
  assert.match(text(), /a: 3000 schedules, 40 pruned, 1500\/s$/);
});

test('nothing but notes reaches a pipe, and quiet is quiet', () => {
  for (const [isTTY, quiet, expected] of [
    [false, false, 'Results: x\n'],
    [true, true, ''],
  ] as const) {
    const { stream, text } = streamOf(isTTY);
    const progress = openCheckProgress({ count: 1, quiet, stream });
    progress.show('a', { schedules: 1, pruned: 0, steps: 1 });
    progress.note('Results: x');
    progress.finish('a');
    progress.close();
    assert.equal(text(), expected);
  }
});
