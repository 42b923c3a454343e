// `mmulab report` and `mmulab show`: from results files alone, nothing runs.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemReason, UsageError } from '../errors.js';
import { readRecords, type StoredRecord } from '../results/index.js';
import { parseFormat, render, writeReport } from './reports-door.js';

/** Writes the page of all records. */
export async function reportCommand(paths: string[], output: string): Promise<void> {
  const records = readAll(paths);
  await writeReport(output, records);
  process.stderr.write(`Report: ${output} (${records.length} cells)\n`);
}

/** Prints the tables of all records. */
export async function showCommand(paths: string[], format: string): Promise<void> {
  const chosen = parseFormat(format);
  process.stdout.write(await render(readAll(paths), chosen, (line) => process.stderr.write(`${line}\n`)));
}

/** The records of files and of the .ndjson files in folders. Of a cell that several files have, the newest record; a note on stderr says so. */
function readAll(paths: string[]): StoredRecord[] {
  const newest = new Map<string, StoredRecord>();
  const repeated = new Set<string>();
  for (const record of paths.flatMap(filesOf).flatMap(readRecords)) {
    const other = newest.get(record.cell);
    if (other !== undefined) repeated.add(record.cell);
    if (other === undefined || record.wall.startedAt > other.wall.startedAt) newest.set(record.cell, record);
  }
  if (repeated.size > 0) process.stderr.write(`${repeated.size} cells are in several files: the newest of each is taken\n`);
  return [...newest.values()];
}

function filesOf(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
  } catch (error) {
    throw new UsageError(`Cannot read results ${JSON.stringify(path)}: current ${systemReason(error)}, expected a file written by mmulab`, {
      cause: error,
    });
  }
  const files = readdirSync(path)
    .filter((name) => name.endsWith('.ndjson'))
    .sort()
    .map((name) => join(path, name));
  if (files.length === 0) throw new UsageError(`Cannot read results ${JSON.stringify(path)}: the folder has no .ndjson file, expected one written by mmulab`);
  return files;
}
