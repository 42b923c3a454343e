// `mmulab regions`: a VMM's memory-region ioctls from a file, replayed on each memslot structure in virtual time.

import { readFileSync } from 'node:fs';
import type { QuantityTable } from '../../reports/index.js';
import {
  defaultMaxSlots,
  fitCalls,
  IOCTL_KINDS,
  type IoctlKind,
  KVM_USER_MEM_SLOTS,
  type MachineProfile,
  type RegionsCall,
  type ReplayOptions,
  type ReplayOutcome,
  replayStructures,
  runReplayVirtual,
} from '../../sim/index.js';
import { systemReason, UsageError } from '../errors.js';
import { loadMachine } from '../run/index.js';
import { choiceItem, countItem, formatSize, parseList, parseOne } from '../suites/index.js';
import { type FileCall, parseRegions } from './regions-file.js';
import { renderQuantities } from './reports-door.js';

/** commander's options. */
export interface RegionsFlags {
  memslots?: string;
  maxSlots?: string;
  disableSlotZapQuirk?: boolean;
  keepGoing?: boolean;
  profile: string;
  set: string[];
  seed: string;
  format: string;
}

const REFUSED = 2;
const STDIN = '-';
const FORMATS = ['text', 'markdown', 'csv', 'json'] as const;

interface Request {
  /** For messages. */
  name: string;
  calls: FileCall[];
  /** The same with addresses that the simulated VM has. */
  fitted: RegionsCall[];
  structures: ReplayOptions['memslots'][];
  maxSlots: number | undefined;
  zapAll: boolean;
  keepGoing: boolean;
  profile: MachineProfile;
  seed: number;
  format: (typeof FORMATS)[number];
}

/** One structure's replay in numbers. Times in nanoseconds. */
interface Summary {
  memslots: string;
  maxSlots: number;
  ioctls: number;
  memslotCount: number;
  totalNs: number;
  slowest: { ns: number; line: number };
  /** Of the kinds that occurred. */
  kinds: Partial<Record<IoctlKind, { count: number; meanNs: number }>>;
  gracePeriods: number;
  structureBytes: number;
}

/** Replays the file. Returns the exit code: 0, or 2 when KVM refused an ioctl. Throws a `UsageError`. */
export async function regionsCommand(file: string, flags: RegionsFlags): Promise<number> {
  const request = requestOf(file, flags);
  const replays = request.structures.map((memslots) => replay(request, memslots));
  const refusals = refusalsOf(request, replays);
  for (const line of refusals) process.stderr.write(`${line}\n`);
  if (refusals.length === 0 || request.keepGoing) process.stdout.write(await render(request, replays));
  return refusals.length === 0 ? 0 : REFUSED;
}

function requestOf(file: string, flags: RegionsFlags): Request {
  const name = file === STDIN ? 'stdin' : file;
  const format = parseOne('--format', flags.format, choiceItem(FORMATS));
  const structures = flags.memslots === undefined ? replayStructures() : parseList('--memslots', flags.memslots, choiceItem(replayStructures()));
  const maxSlots = flags.maxSlots === undefined ? undefined : parseOne('--max-slots', flags.maxSlots, countItem(1, KVM_USER_MEM_SLOTS));
  const seed = parseOne('--seed', flags.seed, countItem(0, 2 ** 31 - 1));
  const { profile } = loadMachine(flags.profile, flags.set);
  const calls = parseRegions(readText(file, name), name);
  const zapAll = flags.disableSlotZapQuirk !== true;
  return { name, calls, fitted: fit(calls, name), structures, maxSlots, zapAll, keepGoing: flags.keepGoing === true, profile, seed, format };
}

function readText(file: string, name: string): string {
  try {
    return readFileSync(file === STDIN ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError(`Cannot read regions: ${name}: current ${systemReason(error)}, expected a file of memory-region ioctls`, { cause: error });
  }
}

function fit(calls: readonly FileCall[], name: string): RegionsCall[] {
  const fitted = fitCalls(calls);
  if (Array.isArray(fitted)) return fitted;
  const { kind, bytes, limitBytes } = fitted;
  const largest = calls.map(({ line, regions }) => ({ line, size: Math.max(0, ...regions.map(({ memorySize }) => memorySize)) }));
  largest.sort((a, b) => b.size - a.size);
  const [{ line, size }] = largest;
  throw new UsageError(
    `Cannot replay ${name}: current ${formatSize(bytes)} of different ${kind} addresses (most of them on line ${line}: ${formatSize(size)}), expected at most ${formatSize(limitBytes)}, which is what is simulated`,
  );
}

interface Replay {
  options: ReplayOptions;
  outcome: ReplayOutcome;
}

function replay({ fitted, maxSlots, zapAll, keepGoing, profile, seed }: Request, memslots: ReplayOptions['memslots']): Replay {
  const options = { memslots, maxSlots: maxSlots ?? defaultMaxSlots(memslots, fitted), zapAll, keepGoing };
  return { options, outcome: runReplayVirtual(fitted, options, { profile, seed }) };
}

/** One line for each refusal. KVM's checks do not depend on the structure: replays that disagree are a defect. */
function refusalsOf(request: Request, replays: readonly Replay[]): string[] {
  const [first, ...others] = replays.map(({ outcome }) => refusalLines(request, outcome));
  const differs = others.findIndex((lines) => lines.join() !== first.join());
  if (differs !== -1)
    throw new Error(`Cannot compare structures: current refusals differ between ${request.structures[0]} and ${request.structures[differs + 1]}`);
  return first;
}

/** "file:7: EEXIST: memslot 3 overlaps memslot 1; nothing changed (...)". */
function refusalLines({ name, calls }: Request, { ioctls }: ReplayOutcome): string[] {
  return ioctls.flatMap(({ refusal }, index) => {
    if (refusal === null) return [];
    const { line, regions } = calls[index];
    return [`${name}:${line}: ${refusal.message}; nothing changed${placeOf(regions, refusal.slot)}`];
  });
}

function placeOf(regions: RegionsCall['regions'], slot: number): string {
  const region = regions.findLast((candidate) => candidate.slot === slot);
  if (region === undefined || region.memorySize === 0) return '';
  const [guest, host] = [region.guestPhysAddr, region.userspaceAddr].map((address) => `0x${address.toString(16)}`);
  return ` (memory_size ${formatSize(region.memorySize)}, guest_phys_addr ${guest}, userspace_addr ${host})`;
}

async function render(request: Request, replays: readonly Replay[]): Promise<string> {
  const { format, calls } = request;
  const summaries = replays.map(({ options, outcome }) => summaryOf(options, outcome, calls));
  if (format === 'csv') return csvOf(summaries);
  if (format === 'json') return jsonOf(request, replays, summaries);
  return renderQuantities(tableOf(summaries), format);
}

function summaryOf({ memslots, maxSlots }: ReplayOptions, outcome: ReplayOutcome, calls: readonly FileCall[]): Summary {
  const { ioctls, totalNs, memslotCount, gracePeriods, structureBytes } = outcome;
  const slowest = ioctls.map(({ ns }, index) => ({ ns, line: calls[index].line })).reduce((most, one) => (one.ns > most.ns ? one : most));
  const kinds: Summary['kinds'] = {};
  for (const kind of IOCTL_KINDS) {
    const times = ioctls.filter((ioctl) => ioctl.kind === kind).map(({ ns }) => ns);
    if (times.length > 0) kinds[kind] = { count: times.length, meanNs: Math.round(times.reduce((sum, ns) => sum + ns, 0) / times.length) };
  }
  return { memslots, maxSlots, ioctls: ioctls.length, memslotCount, totalNs, slowest, kinds, gracePeriods, structureBytes };
}

function tableOf(summaries: readonly Summary[]): QuantityTable {
  const row = (label: string, unit: string, value: (summary: Summary) => number | undefined) => ({ label, unit, values: summaries.map(value) });
  const [{ kinds }] = summaries;
  const occurring = IOCTL_KINDS.filter((kind) => kinds[kind] !== undefined);
  return {
    corner: 'memslots in',
    columns: summaries.map(({ memslots }) => memslots),
    rows: [
      row('ioctls', 'count', ({ ioctls }) => ioctls),
      row('memslots at the end', 'count', ({ memslotCount }) => memslotCount),
      row('total time', 'ns', ({ totalNs }) => totalNs),
      row('slowest ioctl', 'ns', ({ slowest }) => slowest.ns),
      row('its line', 'line', ({ slowest }) => slowest.line),
      ...occurring.map((kind) => row(`${kind}, mean of ${kinds[kind]?.count}`, 'ns', (summary) => summary.kinds[kind]?.meanNs)),
      row('grace periods', 'count', ({ gracePeriods }) => gracePeriods),
      row('bytes of the structure', 'bytes', ({ structureBytes }) => structureBytes),
    ],
  };
}

/** Numbers and names of structures: nothing that would have to be quoted. A kind that did not occur has no mean. */
function csvOf(summaries: readonly Summary[]): string {
  const head = ['memslots', 'max_slots', 'ioctls', 'memslots_at_end', 'total_ns', 'slowest_ns', 'slowest_line'];
  const ofKinds = IOCTL_KINDS.flatMap((kind) => [`${kind}_count`, `${kind}_mean_ns`]);
  const rows = summaries.map(({ memslots, maxSlots, ioctls, memslotCount, totalNs, slowest, kinds, gracePeriods, structureBytes }) => [
    ...[memslots, maxSlots, ioctls, memslotCount, totalNs, slowest.ns, slowest.line],
    ...IOCTL_KINDS.flatMap((kind) => [kinds[kind]?.count ?? 0, kinds[kind]?.meanNs ?? '']),
    ...[gracePeriods, structureBytes],
  ]);
  return [[...head, ...ofKinds, 'grace_periods', 'structure_bytes'], ...rows].map((row) => `${row.join(',')}\n`).join('');
}

function jsonOf({ name, calls, profile, seed }: Request, replays: readonly Replay[], summaries: readonly Summary[]): string {
  const structures = summaries.map((summary, index) => ({
    ...summary,
    calls: replays[index].outcome.ioctls.map(({ kind, ns, refusal }, call) => ({ line: calls[call].line, kind, ns, refusal: refusal?.message })),
  }));
  return `${JSON.stringify({ schemaVersion: 1, file: name, profile: profile.name, overrides: profile.overrides, seed, structures }, null, 2)}\n`;
}
