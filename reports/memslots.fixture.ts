// Records of the suite `memslots` for tests: the published cells x a factor, and cells that answer every question. Deterministic, no engine involved.

import type { ResultRecord } from '../bench/results/index.js';
import { loadCells, POSTS, type PublishedCell } from './posts/index.js';
import { fixtureRecord, fixtureTime, HOSTILE, wave } from './records.fixture.js';

type Options = ResultRecord['options'];
type Metrics = ResultRecord['metrics'];

const TESTS: Record<string, string> = {
  Map: 'map',
  Unmap: 'unmap',
  'Unmap 2M': 'unmap-chunked',
  'Move active': 'move-active',
  'Move inactive': 'move-inactive',
  'Slot setup': 'setup',
};

const PUBLISHED = ['array', 'tree'];
const STRUCTURES = ['array', 'tree', 'array-hva-tree', 'btree'];

/** One record with the options of the published cells where nothing else is said. */
export function memslotRecord(changes: Options, metrics: Metrics = {}): ResultRecord {
  const options: Options = {
    ...{ test: 'map', slots: 509, memslots: 'tree', maxSlots: 32764, vcpus: 1, mmu: 'shadow', loops: 10, seconds: 5 },
    ...{ zapAll: true, lastUsed: 'shared', changes: 10, call: 'one-by-one', ...changes },
  };
  const key = JSON.stringify(options);
  const made = fixtureRecord({ suite: 'memslots', cell: `memslots engine=virtual profile=fixture ${key}`, locks: [], counters: {}, seeds: [1], metrics });
  return { ...made, options, profile: { name: 'fixture-8167m', hash: 'aabbccddeeff', overrides: [] } };
}

/** A time of one seed. */
function time(ns: number): Metrics[string] {
  return fixtureTime([Math.round(ns)], 'exact');
}

function amount(value: number, unit: 'bytes' | 'count'): Metrics[string] {
  return { ...fixtureTime([value], 'exact'), unit };
}

/** Records for all cells of the memslots post; places that it did not measure take 60 times the tree's published time. */
export function memslotsFixture(factor: (cell: PublishedCell, index: number) => number = wave): ResultRecord[] {
  const cells = loadCells(POSTS[1]);
  return cells.map((cell, index) => {
    const { slots, test, memslots } = cell.fields;
    const tree = cells.find((other) => other.table === cell.table && other.row === cell.row && other.column === 'tree');
    const seconds = cell.value ?? 60 * (tree?.value ?? 0);
    const maxSlots = memslots === 'array' && Number(slots) <= 509 ? 509 : 32764;
    const metrics = { [cell.metric]: time(seconds * 1e9 * factor(cell, index)), ...(test === 'Slot setup' ? footprint(memslots, Number(slots)) : {}) };
    return memslotRecord({ test: TESTS[test], slots: Number(slots), memslots, maxSlots }, metrics);
  });
}

/** Nanoseconds that grow as the structure would: linear for what scans or copies an array, by the logarithm for the trees. */
function grow(memslots: string, slots: number, base = 2000): number {
  const linear = memslots.startsWith('array') ? 12 * slots : 0;
  return base + linear + (memslots === 'btree' ? 20 : 35) * Math.log2(slots);
}

/** Cells that answer every question of the thread. */
export function questionsFixture(): ResultRecord[] {
  const counts = [10, 509, 32764];
  const bySlots = STRUCTURES.flatMap((memslots) => counts.map((slots) => ({ memslots, slots })));
  const flags = bySlots.map((cell) => memslotRecord({ test: 'flags', ...cell }, { flag_change: time(grow(cell.memslots, cell.slots)) }));
  const batch = bySlots.flatMap((cell) =>
    ['one-by-one', 'set-regions', 'change-regions'].map((call) => {
      const ns = {
        'one-by-one': 10 * grow(cell.memslots, cell.slots),
        'set-regions': 4000 + 9 * cell.slots,
        'change-regions': grow(cell.memslots, cell.slots),
      };
      return memslotRecord({ test: 'batch', ...cell, call, changes: 10 }, { batch: time(ns[call as keyof typeof ns]) });
    }),
  );
  return [...flags, ...batch, ...hvaFixture(), ...footprintFixture(), ...zapFixture(), ...shareFixture(), ...readersFixture()];
}

/** Times of the tests for what was not published: two structures, and test rw. */
function hvaFixture(): ResultRecord[] {
  const bases: Record<string, number> = { map: 2e7, unmap: 3.1e7, 'move-inactive': 8e4, rw: 1e8 };
  return Object.entries(bases).flatMap(([test, base]) =>
    [10, 509, 8194].flatMap((slots) =>
      STRUCTURES.filter((memslots) => test === 'rw' || !PUBLISHED.includes(memslots)).map((memslots) =>
        memslotRecord({ test, slots, memslots }, { iteration: time(grow(memslots, slots, base)) }),
      ),
    ),
  );
}

function footprintFixture(): ResultRecord[] {
  return [10, 509, 32764].flatMap((slots) =>
    STRUCTURES.filter((memslots) => !PUBLISHED.includes(memslots)).map((memslots) =>
      memslotRecord({ test: 'setup', slots, memslots }, { slot_setup: time(slots * grow(memslots, slots, 15000)), ...footprint(memslots, slots) }),
    ),
  );
}

function footprint(memslots: string, slots: number): Metrics {
  const empty = memslots === 'array' ? 32764 * 2 : 4096;
  return {
    bytes_empty: amount(empty, 'bytes'),
    bytes_total: amount(empty + slots * (memslots === 'tree' ? 312 : 128), 'bytes'),
    lines_per_gfn_lookup: amount(Math.log2(slots), 'count'),
    lines_per_hva_lookup: amount(memslots === 'array' ? slots : 2 * Math.log2(slots), 'count'),
  };
}

function zapFixture(): ResultRecord[] {
  return [1, 64].flatMap((vcpus) =>
    [true, false].map((zapAll) =>
      memslotRecord(
        { test: 'zap', vcpus, zapAll },
        { guest_pass: time(2e6 * (zapAll ? 1 + vcpus / 16 : 1.05)), guest_pass_alone: time(2e6), move: time(zapAll ? 90_000 : 40_000) },
      ),
    ),
  );
}

function shareFixture(): ResultRecord[] {
  return ['array', 'tree'].flatMap((memslots) =>
    [1, 64].flatMap((vcpus) =>
      ['shared', 'vcpu'].map((lastUsed) =>
        memslotRecord({ test: 'share', slots: 65, memslots, vcpus, lastUsed }, { guest_pass: time(1e6 * (lastUsed === 'shared' ? 1 + vcpus / 40 : 1)) }),
      ),
    ),
  );
}

function readersFixture(): ResultRecord[] {
  const metrics = { lookup_alone: time(50), lookup: time(60), update: time(16_000) };
  return STRUCTURES.map((memslots) => memslotRecord({ test: 'readers', slots: 509, memslots, vcpus: 2 }, metrics));
}

/** Records of the suite with a hostile string wherever an option or a metric may have one. */
export function hostileMemslots(): ResultRecord[] {
  return questionsFixture().map((record, index) => ({
    ...record,
    cell: `${record.cell}${HOSTILE}`,
    options: { ...record.options, memslots: index % 3 === 0 ? HOSTILE : record.options.memslots, [HOSTILE]: HOSTILE },
    profile: { name: HOSTILE, hash: HOSTILE, overrides: [HOSTILE] },
  }));
}
