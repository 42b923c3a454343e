// A protocol from a module of the user's own. Nothing of it is believed before its shape has been looked at.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Protocol } from '../../sim/index.js';
import { messageOf, UsageError } from '../errors.js';

/** The default export of the module at `path`. Throws a `UsageError` when there is no such module, or what it exports is no protocol. */
export async function loadPlugin(path: string): Promise<Protocol> {
  const refuse = (reason: string, cause?: unknown): UsageError => new UsageError(`Cannot use --plugin ${JSON.stringify(path)}: ${reason}`, { cause });
  const file = resolve(path);
  if (!existsSync(file)) throw refuse('no such file, expected an ES module that exports a protocol');
  const module = await import(pathToFileURL(file).href).catch((error: unknown) => {
    const hint =
      error instanceof SyntaxError && file.endsWith('.js') ? ' (Node takes a .js file for an ES module where package.json says so: name it .mjs)' : '';
    throw refuse(`${messageOf(error)}${hint}`, error);
  });
  const protocol = (module as { default?: unknown }).default;
  const problem = problemOf(protocol);
  if (problem !== undefined) throw refuse(problem);
  return protocol as Protocol;
}

const WORD = /^[a-z0-9][a-z0-9-]*$/;

/** What keeps a value from being a protocol, or `undefined`. */
function problemOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return `current default export of type ${value === null ? 'null' : typeof value}, expected a protocol`;
  const protocol = value as Record<string, unknown>;
  if (!isWord(protocol.name)) return `name: current ${JSON.stringify(protocol.name)}, expected a word such as "my-protocol"`;
  if (typeof protocol.summary !== 'string') return `summary: current ${typeof protocol.summary}, expected a string`;
  for (const [list, text] of [
    ['claims', 'claim'],
    ['plants', 'what'],
  ] as const) {
    if (!areNamed(protocol[list], text)) return `${list}: expected a list of { name, ${text} }, each name a word such as "no-retry"`;
  }
  if (!isRange(protocol.vcpus)) return `vcpus: current ${JSON.stringify(protocol.vcpus)}, expected { min, max, usual }`;
  if (!isListOfStrings(protocol.interruptible)) return 'interruptible: expected a list of names of locks, [] for none';
  for (const name of ['actors', 'arenaWords', 'build']) {
    if (typeof protocol[name] !== 'function') return `${name}: current ${typeof protocol[name]}, expected a function`;
  }
  return undefined;
}

function isWord(value: unknown): boolean {
  return typeof value === 'string' && WORD.test(value);
}

function areNamed(value: unknown, text: string): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((one: Record<string, unknown> | null) => typeof one === 'object' && one !== null && isWord(one.name) && typeof one[text] === 'string');
}

function isRange(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { min, max, usual } = value as Record<string, unknown>;
  if (![min, max, usual].every((one) => Number.isSafeInteger(one))) return false;
  return 1 <= Number(min) && Number(min) <= Number(usual) && Number(usual) <= Number(max);
}

function isListOfStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
