// Records for tests, made from the published tables: simulated = published x a factor. Deterministic, no engine involved.

import { type ResultRecord, SCHEMA_VERSION } from '../bench/results/index.js';
import { loadCells, POSTS, type PublishedCell } from './posts/index.js';

type MetricRecord = ResultRecord['metrics'][string];

/** Options of the published cells. */
export const FIXTURE_OPTIONS: ResultRecord['options'] = {
  vcpus: 2,
  vcpuBytes: 1024 ** 3,
  memslots: 1,
  iterations: 2,
  writePercent: 100,
  writeEvery: 0,
  randomAccess: false,
  overlap: false,
  guestSeed: 1,
  initiallyAllSet: false,
  runWhileDisabling: false,
  concurrent: false,
  backing: 'anonymous_hugetlb_1gb',
  mmu: 'shadow',
  ept: true,
  split: 'lazy',
  guestPageBytes: 1024 ** 3,
  processes: 1,
  mmuPages: 0,
  preempt: 'voluntary',
  wpFaultLock: 'write',
  dirtyGranularityBytes: 4096,
};

/** A time metric from its values in nanoseconds, with the range of the values. */
export function fixtureTime(values: number[], kind: MetricRecord['kind'] = 'order-sensitive'): MetricRecord {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return { unit: 'ns', kind, better: 'smaller', values, median: middle, low: sorted[0], high: sorted[sorted.length - 1] };
}

/** One record; every field can be replaced. */
export function fixtureRecord(changes: Partial<ResultRecord> = {}): ResultRecord {
  const options = { ...FIXTURE_OPTIONS, ...changes.options };
  const engine = changes.engine ?? 'virtual';
  return {
    schemaVersion: SCHEMA_VERSION,
    suite: 'dirty-log',
    cell: `dirty-log engine=${engine} profile=fixture ${JSON.stringify(options)}`,
    engine,
    profile: { name: 'fixture-2s48c', hash: '0123456789ab', overrides: [] },
    seeds: [1, 2, 3, 4, 5],
    metrics: {},
    counters: { faults: 524288 },
    locks: [fixtureLock('pageFault', 524288), fixtureLock('dirtyLog', 512)],
    stalls: [],
    traceHashes: ['0011223344556677'],
    warnings: [],
    commit: '1234567',
    host: { node: 'v20.20.2', platform: 'linux', arch: 'x64', cpu: 'Fixture CPU @ 2.0GHz', cores: 2, memoryBytes: 8 * 1024 ** 3 },
    wall: { startedAt: '2025-01-01T00:00:00.000Z', seconds: 1.5 },
    ...changes,
    options,
  };
}

function fixtureLock(site: string, acquisitions: number): ResultRecord['locks'][number] {
  const summary = { count: acquisitions, p50Ns: 300, p99Ns: 2300, p999Ns: 9000 };
  return {
    lock: 'mmuLock',
    site,
    acquisitions,
    contentions: Math.floor(acquisitions * 0.9),
    waitNsTotal: acquisitions * 900,
    waitNsMax: 40000,
    holdNsTotal: acquisitions * 300,
    holdNsMax: 4000,
    wait: summary,
    hold: summary,
  };
}

/** Records for all cells of the eager-split post, `factor(cell)` times the published number, with five seeds spread by +-2 % on dirty-memory times. */
export function publishedFixture(factor: (cell: PublishedCell, index: number) => number = wave): ResultRecord[] {
  const records = new Map<string, ResultRecord>();
  loadCells(POSTS[0]).forEach((cell, index) => {
    const { vcpus, ept, write_percent: writePercent, initially_all_set: allSet, eager_page_split: eager } = cell.fields;
    const options: ResultRecord['options'] = {
      ...FIXTURE_OPTIONS,
      vcpus: Number(vcpus),
      ept: ept === 'Y',
      split: eager === 'Y' ? 'eager' : 'lazy',
      initiallyAllSet: allSet === 'Y',
    };
    if (writePercent !== '100') options.writeEvery = 100 / Number(writePercent);
    const key = JSON.stringify(options);
    const record = records.get(key) ?? fixtureRecord({ options });
    records.set(key, record);
    const ns = Math.round((cell.value ?? 0) * 1e9 * factor(cell, index));
    const dirty = cell.metric.startsWith('dirty_memory');
    record.metrics[cell.metric] = dirty ? fixtureTime([0.98, 0.99, 1, 1.01, 1.02].map((s) => Math.round(ns * s))) : fixtureTime([ns, ns, ns, ns, ns], 'exact');
  });
  return [...records.values()];
}

/** Factors between 0.8 and 1.25 that look like a fit. */
export function wave(_cell: PublishedCell, index: number): number {
  return 1.25 ** (Math.sin(index * 1.7) * (index % 5 === 0 ? 1 : 0.35));
}

/** A sampled pair under the threads engine and a concurrent pair with its parked twins: what stands under "other cells". */
export function otherFixture(): ResultRecord[] {
  const small = { vcpus: 2, vcpuBytes: 64 * 1024 ** 2, guestPageBytes: 4096, backing: 'anonymous_hugetlb_2mb' };
  const threads = (['lazy', 'eager'] as const).map((split) =>
    fixtureRecord({
      engine: 'threads',
      timeScale: 1,
      options: { ...small, split },
      seeds: [1, 2, 3, 4, 5, 6, 7],
      metrics: {
        populate_memory: fixtureTime(
          [50, 51, 52, 50, 53, 49, 50].map((ms) => ms * 1e6),
          'sampled',
        ),
        dirty_memory_iter1: fixtureTime(
          [31, 32, 30, 33, 31, 32, 30].map((ms) => (split === 'lazy' ? ms : ms / 4) * 1e6),
          'sampled',
        ),
      },
      validity: { effectiveParallelism: split === 'lazy' ? 0.97 : 0.99, oversubscribed: false, cores: 2, perWorker: [] },
      warnings: split === 'lazy' ? [{ code: 'noisy', message: 'The host was busy during repetition 3' }] : [],
    }),
  );
  const stalls = [true, false].flatMap((concurrent) => (['lazy', 'eager'] as const).map((split) => stallRecord(split, concurrent)));
  return [...threads, ...stalls];
}

function stallRecord(split: 'lazy' | 'eager', concurrent: boolean): ResultRecord {
  const scale = (split === 'lazy' ? 4 : 1) * (concurrent ? 3 : 1);
  const stall = (kind: 'read' | 'write', factor: number) => ({
    phase: 'dirty_memory_iter1',
    kind,
    count: 100000,
    totalNs: 100000 * 700 * factor,
    maxNs: 250000 * factor,
    histogram: { count: 100000, p50Ns: 640 * factor, p99Ns: 9000 * factor, p999Ns: 60000 * factor },
  });
  return fixtureRecord({
    options: { vcpus: 16, writeEvery: 5, ept: false, split, concurrent, vcpuBytes: 128 * 1024 ** 2 },
    metrics: { dirty_memory_iter1: fixtureTime([3, 3.1, 3.2, 3.3, 3.4].map((s) => s * scale * 1e8)) },
    stalls: [stall('read', scale), stall('write', scale * 1.5)],
  });
}

/** Markup, a formula, a terminal escape and a text-direction override in one string. */
export const HOSTILE = `=cmd|"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;</svg></style>\u001b[31m\u202e{{1}}`;

/** Records with a hostile string wherever a results file may hold a string, names of options and metrics included. */
export function hostileFixture(): ResultRecord[] {
  const hostile = {
    commit: HOSTILE,
    profile: { name: HOSTILE, hash: HOSTILE, overrides: [] },
    warnings: [{ code: HOSTILE, message: HOSTILE }],
    traceHashes: [HOSTILE],
    counters: { [HOSTILE]: 1 },
    locks: [{ ...fixtureLock(HOSTILE, 10), lock: HOSTILE }],
    host: { node: HOSTILE, platform: HOSTILE, arch: HOSTILE, cpu: HOSTILE, cores: 2, memoryBytes: 1024 ** 3 },
    wall: { startedAt: HOSTILE, seconds: 1 },
  };
  const published = publishedFixture().map((record) => ({
    ...record,
    ...hostile,
    cell: `${record.cell}${HOSTILE}`,
    options: { ...record.options, [HOSTILE]: HOSTILE },
  }));
  const histogram = { count: 1, p50Ns: 10, p99Ns: 20, p999Ns: 30 };
  const others = [1, 2].map((vcpus) =>
    fixtureRecord({
      ...hostile,
      suite: HOSTILE,
      cell: `${vcpus}${HOSTILE}`,
      options: { vcpus, concurrent: true, split: HOSTILE, backing: `${HOSTILE}${vcpus}`, [HOSTILE]: vcpus },
      profile: { ...hostile.profile, overrides: [HOSTILE] },
      metrics: { [HOSTILE]: fixtureTime([1, 2, 3, 4, 5]) },
      stalls: [{ phase: HOSTILE, kind: 'read', count: 1, totalNs: 10, maxNs: 40, histogram }],
    }),
  );
  return [...published, ...others];
}
