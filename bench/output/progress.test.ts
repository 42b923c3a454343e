import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeCell } from '../run/cells.fixture.js';
import { openProgress, type ProgressOptions } from './progress.js';

/** A progress over cells of 2, 4 and 8 vCPUs on a stream that only remembers. */
function remembered({ isTTY = false, columns = 80, jobs = 1, quiet = false } = {}) {
  const seen = { text: '', nowMs: 0 };
  const stream = { isTTY, columns, write: (text: string) => (seen.text += text) } as unknown as ProgressOptions['stream'];
  const cells = [8, 4, 2].map((vcpus) => fakeCell(vcpus));
  return { seen, cells, progress: openProgress({ cells, quiet, jobs, stream, nowMs: () => seen.nowMs }) };
}

test('off a terminal each run is a plain line with what is left, by the work and not by the count', () => {
  const { seen, cells, progress } = remembered();
  progress.start(cells[0]);
  seen.nowMs = 8000;
  progress.finish(cells[0], 8);
  assert.equal(seen.text, '[1/3] fake vcpus=8: 8.0 s, 6 s left\n');
  progress.start(cells[1]);
  seen.nowMs = 12_000;
  progress.finish(cells[1], 4);
  progress.start(cells[2]);
  seen.nowMs = 14_000;
  progress.finish(cells[2], 2);
  progress.close();
  assert.deepEqual(seen.text.split('\n').slice(1), ['[2/3] fake vcpus=4: 4.0 s, 2 s left', '[3/3] fake vcpus=2: 2.0 s', '3 runs in 14 s', '']);
  assert.ok(!seen.text.includes('\u001b'));
});

test('what is left allows for the runs beside it', () => {
  const { seen, cells, progress } = remembered({ jobs: 2 });
  progress.start(cells[1]);
  progress.start(cells[0]);
  seen.nowMs = 4000;
  progress.finish(cells[1], 4);
  // 8 units run for 4 more seconds; beside them the 2 units end sooner.
  assert.match(seen.text, /, 4 s left\n$/);
});

test('on a terminal one line is rewritten, cut to its width, and gone in the end', () => {
  const { seen, cells, progress } = remembered({ isTTY: true, columns: 30 });
  progress.start(cells[0]);
  seen.nowMs = 1000;
  progress.finish(cells[0], 1);
  progress.note('a note');
  assert.ok(seen.text.split('\r\u001b[K').every((line) => line.trimEnd().length < 30));
  assert.match(seen.text, /\r\u001b\[Ka note\n$/);
});

test('quiet says nothing', () => {
  const { seen, cells, progress } = remembered({ quiet: true });
  progress.start(cells[0]);
  progress.finish(cells[0], 1);
  progress.note('a note');
  progress.close();
  assert.equal(seen.text, '');
});
