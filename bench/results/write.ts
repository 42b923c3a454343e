// Writes a results file in one step: a reader, and a power cut, see the old file or the new one and never a part.
// Bytes depend on the records alone: records are sorted by cell, and keys are sorted too, save where their order says something.

import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DiskError, systemReason } from '../errors.js';
import type { StoredRecord } from './types.js';

/** Writes all of `records` to `path`, making its folder. Throws a `DiskError` of one line; the file is then what it was. */
export function writeResults(path: string, records: readonly StoredRecord[]): void {
  const sorted = [...records].sort((a, b) => (a.cell < b.cell ? -1 : a.cell > b.cell ? 1 : 0));
  writeAtomically(path, sorted.map((record) => `${JSON.stringify(canonical(record))}\n`).join(''), 'results');
}

/** Writes a file under another name beside it, flushes it, renames it. `what` names it in messages. Throws a `DiskError` of one line. */
export function writeAtomically(path: string, text: string, what: string): void {
  const temporary = temporaryName(path);
  try {
    makeFolder(dirname(path));
    writeFlushed(temporary, text);
    renameSync(temporary, path);
    flushFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw refusal(path, what, error);
  }
}

/** Finds out before a long run whether `path` can be written, leaving no trace but its folder. Throws a `DiskError` of one line. */
export function checkWritable(path: string, what: string): void {
  const temporary = temporaryName(path);
  if (/[/\\]$/.test(path) || isFolder(path)) throw new DiskError(`Cannot write ${what} ${JSON.stringify(path)}: current a folder, expected the name of a file`);
  try {
    makeFolder(dirname(path));
    writeFileSync(temporary, '');
  } catch (error) {
    throw refusal(path, what, error);
  } finally {
    removeQuietly(temporary);
  }
}

/** Phases, options and counters stand in the order in which the simulator and the suite state them: tables follow it. */
const IN_THEIR_OWN_ORDER = new Set(['metrics', 'options', 'counters']);

/** The record with sorted keys, but for those whose order is information. */
function canonical(record: StoredRecord): unknown {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, IN_THEIR_OWN_ORDER.has(key) ? mapValues(value as object, sortKeys) : sortKeys(value)]));
}

function mapValues(object: object, change: (value: unknown) => unknown): unknown {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

/** The same value with the keys of every object in code-unit order. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}

/** Makes a folder and those above it, one by one: where a parent cannot be made, Node's own recursive mkdir can go round for ever. */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    if (!isFolder(path)) throw error; // else another process was faster
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function writeFlushed(path: string, text: string): void {
  const file = openSync(path, 'w');
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the rename itself durable; some file systems and Windows do not open folders, and then there is nothing to do. */
function flushFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // The file itself is flushed.
  }
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Its folder does not exist: the refusal says so.
  }
}

function refusal(path: string, what: string, error: unknown): DiskError {
  return new DiskError(`Cannot write ${what} ${JSON.stringify(path)}: current ${systemReason(error)}, expected a folder that can be written`, { cause: error });
}
