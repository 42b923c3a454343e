import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { listenForInterrupt } from './interrupt.js';

test('the first Ctrl-C stops, its echo is ignored, a later one ends', (t) => {
  let nowMs = 1000;
  t.mock.method(performance, 'now', () => nowMs);
  const source = new EventEmitter();
  const heard: string[] = [];
  const interrupt = listenForInterrupt({ onFirst: () => heard.push('first'), onSecond: () => heard.push('second') }, source);
  assert.equal(interrupt.stop.aborted, false);
  source.emit('SIGINT');
  nowMs += 20; // npm passes the terminal's Ctrl-C on to its child, which has had it already
  source.emit('SIGINT');
  assert.deepEqual(heard, ['first']);
  assert.equal(interrupt.stop.aborted, true);
  nowMs += 1000;
  source.emit('SIGINT');
  assert.deepEqual(heard, ['first', 'second']);
  interrupt.release();
  assert.equal(source.listenerCount('SIGINT'), 0);
});
