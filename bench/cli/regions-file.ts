// Reads a file of memory-region ioctls: one JSON value a line, blank lines and lines that begin with # left out. Strict, with the line's number:
//
//     {"slot": 1, "flags": 0, "guest_phys_addr": "0x100000000", "memory_size": "2G", "userspace_addr": "0x7f0000000000"}
//     [{...}, {...}]          KVM_CHANGE_USER_MEMORY_REGIONS: these changes at once
//     {"set": [{...}, ...]}   KVM_SET_USER_MEMORY_REGIONS: the whole new set at once
//
// What KVM would refuse is no error here: the replay meets it.

import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, type RegionsCall } from '../../sim/index.js';
import { UsageError } from '../errors.js';
import { closest } from './closest.js';

/** An ioctl and the line that it stands on, from 1. */
export interface FileCall extends RegionsCall {
  line: number;
}

type MemoryRegion = RegionsCall['regions'][number];

/** struct kvm_userspace_memory_region: its fields as the file and as the simulator spell them. */
const FIELDS = {
  slot: 'slot',
  flags: 'flags',
  guest_phys_addr: 'guestPhysAddr',
  memory_size: 'memorySize',
  userspace_addr: 'userspaceAddr',
} as const satisfies Record<string, keyof MemoryRegion>;
type Field = keyof typeof FIELDS;
const FIELD_NAMES = Object.keys(FIELDS) as Field[];

const FLAGS: Record<string, number> = { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY };
const UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const U32_MAX = 2 ** 32 - 1;
const SHOWN_CHARACTERS = 40;

class LineError extends Error {}

/** The ioctls of a file's text; `name` is for messages. Throws a `UsageError` of one line, with the line's number, for anything else; and when there is none. */
export function parseRegions(text: string, name: string): FileCall[] {
  const calls: FileCall[] = [];
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    try {
      calls.push({ line: index + 1, ...callOf(parseJson(trimmed)) });
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      throw new UsageError(`Cannot read regions: ${name}:${index + 1}: ${error.message}`, { cause: error });
    }
  }
  if (calls.length === 0) throw new UsageError(`Cannot read regions: ${name} has no ioctl, expected one JSON value a line`);
  return calls;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new LineError(`current no JSON, expected one whole value on the line, such as {"slot": 1, "memory_size": "2G", ...}`);
  }
}

function callOf(value: unknown): RegionsCall {
  if (Array.isArray(value)) return { kind: 'change', regions: value.map(regionOf) };
  if (!isObject(value)) throw new LineError(`current ${shown(value)}, expected an object, or an array of objects`);
  if (!('set' in value)) return { kind: 'region', regions: [regionOf(value)] };
  checkKeys(value, ['set']);
  if (!Array.isArray(value.set)) throw new LineError(`current "set" ${shown(value.set)}, expected an array of objects`);
  return { kind: 'set', regions: value.set.map(regionOf) };
}

function regionOf(value: unknown): MemoryRegion {
  if (!isObject(value)) throw new LineError(`current ${shown(value)}, expected an object with ${FIELD_NAMES.join(', ')}`);
  checkKeys(value, FIELD_NAMES);
  const region = { slot: 0, flags: 0, guestPhysAddr: 0, memorySize: 0, userspaceAddr: 0 };
  const deletes = value.memory_size !== undefined && numberOf('memory_size', value.memory_size) === 0;
  for (const field of FIELD_NAMES) {
    const optional = field === 'flags' || (deletes && field.endsWith('_addr'));
    if (value[field] === undefined && !optional) throw new LineError(`"${field}" is missing, expected ${FIELD_NAMES.join(', ')}`);
    if (value[field] !== undefined) region[FIELDS[field]] = numberOf(field, value[field]);
  }
  return region;
}

function checkKeys(value: object, known: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const near = closest(unknown.replaceAll('_', '-'), known.map(dashed));
  const hint = near === undefined ? '' : ` (did you mean "${known.find((key) => dashed(key) === near)}"?)`;
  throw new LineError(`unknown key ${shown(unknown)}${hint}, expected ${known.join(', ')}`);
}

/** `closest` compares words with dashes. */
function dashed(key: string): string {
  return key.replaceAll('_', '-');
}

function numberOf(field: Field, value: unknown): number {
  const number = typeof value === 'number' ? value : typeof value === 'string' ? parseNumber(field, value.trim()) : undefined;
  if (number === undefined || !Number.isInteger(number))
    throw new LineError(`current ${field} ${shown(value)}, expected a number, or a text such as "4096", "0x1000" or "4K"`);
  const max = field === 'slot' || field === 'flags' ? U32_MAX : Number.MAX_SAFE_INTEGER;
  if (number < 0 || number > max) throw new LineError(`current ${field} ${shown(value)}, expected 0 to ${max === U32_MAX ? '2^32 - 1' : '2^53 - 1'}`);
  return number;
}

/** Decimal, hexadecimal, with K, M, G or T; flags by their names too, as strace prints them. */
function parseNumber(field: Field, text: string): number | undefined {
  if (/^0x[0-9a-f]{1,32}$/i.test(text)) return Number(text);
  const match = /^(-?\d{1,20})([kmgt]?)$/i.exec(text);
  if (match !== null) return Number(match[1]) * UNITS[match[2].toUpperCase()];
  if (field !== 'flags') return undefined;
  const names = text.split('|').map((name) => name.trim());
  return names.every((name) => Object.hasOwn(FLAGS, name)) ? names.reduce((flags, name) => flags | FLAGS[name], 0) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
}
