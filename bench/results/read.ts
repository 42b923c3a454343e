// Reads a results file and believes nothing: a broken or foreign file is refused with its line number and the reason.

import { readFileSync } from 'node:fs';
import { systemReason, UsageError } from '../errors.js';
import { checkRecord } from './schema.js';
import { isCell, type ResultRecord, SCHEMA_VERSION, type StoredRecord } from './types.js';

/** The cells of suites of an NDJSON results file, in file order; records of checks are left out. Throws as `readRecords` does. */
export function readResults(path: string): ResultRecord[] {
  return readRecords(path).filter(isCell);
}

/**
 * All records of an NDJSON results file, in file order. Throws an `Error` of one line when the file cannot be read, is empty, has a line that is not
 * a record of this schema version, lacks its final line end (it was cut off), or has one cell twice.
 */
export function readRecords(path: string): StoredRecord[] {
  return parseRecords(readText(path), path);
}

/** As `readRecords`, from the text of a file; `path` is for messages alone. */
function parseRecords(text: string, path: string): StoredRecord[] {
  const refuse = (reason: string): UsageError => new UsageError(`Cannot read results ${JSON.stringify(path)}: ${reason}`);
  if (text.trim() === '') throw refuse('the file is empty, expected one JSON record a line');
  const lines = text.split('\n');
  const last = lines.pop();
  const records: StoredRecord[] = [];
  const lineOf = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    const record = parseLine(line, (reason) => refuse(`line ${index + 1} ${reason}`));
    const earlier = lineOf.get(record.cell);
    if (earlier !== undefined) throw refuse(`line ${index + 1} has the same cell as line ${earlier}, expected each cell once`);
    lineOf.set(record.cell, index + 1);
    records.push(record);
  }
  if (last !== '') throw refuse(`line ${lines.length + 1} is cut off, expected a line end after every record`);
  return records;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`Cannot read results ${JSON.stringify(path)}: current ${systemReason(error)}, expected a file written by mmulab`, {
      cause: error,
    });
  }
}

function parseLine(line: string, refuse: (reason: string) => UsageError): StoredRecord {
  const value = parseJson(line, refuse);
  if (typeof value !== 'object' || value === null || !('schemaVersion' in value)) throw refuse('is no mmulab record, expected a schemaVersion');
  if (value.schemaVersion !== SCHEMA_VERSION) {
    throw refuse(`has schemaVersion ${JSON.stringify(value.schemaVersion)}, expected ${SCHEMA_VERSION} (another version of mmulab wrote it)`);
  }
  const checked = checkRecord(value);
  if ('problem' in checked) throw refuse(`is no record of this version: ${checked.problem}`);
  return checked;
}

function parseJson(line: string, refuse: (reason: string) => UsageError): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw refuse('is not JSON, expected one record a line');
  }
}
