// How long this thread has run, and how long it has waited for a core: /proc/thread-self/schedstat of Linux.
//
// The kernel brings the figure up to date when the thread leaves its core, so a reading is preceded by a very short sleep.

import { closeSync, openSync, readSync } from 'node:fs';

const FILE = '/proc/thread-self/schedstat';
const NAP_MS = 0.02;

/** Nanoseconds since the thread began: on a core, and ready but without one. */
export interface SchedTimes {
  runNs: number;
  waitNs: number;
}

/** Parses "run wait slices". Returns undefined for anything else. */
export function parseSchedstat(text: string): SchedTimes | undefined {
  const match = /^(\d+) (\d+) (\d+)\s*$/.exec(text);
  if (match === null) return undefined;
  return { runNs: Number(match[1]), waitNs: Number(match[2]) };
}

const napWord = new Int32Array(new SharedArrayBuffer(4));
const buffer = Buffer.alloc(96);
let file: number | undefined;

/** Times of the calling thread, after a nap of about 0.1 ms; undefined where the host does not tell. */
export function readSchedstat(): SchedTimes | undefined {
  try {
    file ??= openSync(FILE, 'r');
    Atomics.wait(napWord, 0, 0, NAP_MS);
    return parseSchedstat(buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0)));
  } catch {
    closeSchedstat();
    return undefined;
  }
}

/** Closes the calling thread's file; the next reading opens it again. */
export function closeSchedstat(): void {
  if (file !== undefined) closeSync(file);
  file = undefined;
}
