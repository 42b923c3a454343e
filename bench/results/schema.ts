// The shape of a record as zod checks it on reading. Kept in a file of its own, since loading zod costs more than starting Node.

import { z } from 'zod';
import { SCHEMA_VERSION, type StoredRecord } from './types.js';

const finite = z.number();
const count = z.number().int().nonnegative();
const histogram = z.strictObject({ count, p50Ns: finite, p99Ns: finite, p999Ns: finite });

const metric = z.strictObject({
  unit: z.enum(['ns', 'count', 'per_s', 'ratio', 'bytes']),
  kind: z.enum(['exact', 'order-sensitive', 'sampled']),
  better: z.enum(['smaller', 'larger', 'neither']),
  values: z.array(finite).min(1),
  median: finite,
  low: finite,
  high: finite,
});

const lock = z.strictObject({
  lock: z.string(),
  site: z.string(),
  acquisitions: count,
  contentions: count,
  waitNsTotal: finite,
  waitNsMax: finite,
  holdNsTotal: finite,
  holdNsMax: finite,
  wait: histogram,
  hold: histogram,
});

const stall = z.strictObject({ phase: z.string(), kind: z.enum(['read', 'write']), count, totalNs: finite, maxNs: finite, histogram });

const validity = z.strictObject({
  effectiveParallelism: finite,
  oversubscribed: z.boolean(),
  cores: count,
  perWorker: z.array(z.strictObject({ runNs: finite, waitNs: finite })),
});

const host = z.strictObject({ node: z.string(), platform: z.string(), arch: z.string(), cpu: z.string(), cores: count, memoryBytes: finite });
const wall = z.strictObject({ startedAt: z.string(), seconds: finite.nonnegative() });

const record = z
  .strictObject({
    schemaVersion: z.literal(SCHEMA_VERSION),
    suite: z.string().min(1),
    cell: z.string().min(1),
    engine: z.enum(['virtual', 'threads']),
    options: z.record(z.string(), z.union([z.string(), finite, z.boolean()])),
    profile: z.strictObject({ name: z.string(), hash: z.string(), overrides: z.array(z.string()) }),
    timeScale: finite.nonnegative().optional(),
    seeds: z.array(z.number().int()).min(1),
    metrics: z.record(z.string(), metric),
    counters: z.record(z.string(), finite),
    locks: z.array(lock),
    stalls: z.array(stall),
    traceHashes: z.array(z.string()),
    warnings: z.array(z.strictObject({ code: z.string(), message: z.string() })),
    validity: validity.optional(),
    commit: z.string(),
    host,
    wall,
  })
  .superRefine((value, context) => {
    for (const [name, { values }] of Object.entries(value.metrics)) {
      if (values.length === value.seeds.length) continue;
      context.addIssue({
        code: 'custom',
        path: ['metrics', name, 'values'],
        message: `current ${values.length} values, expected one for each of ${value.seeds.length} seeds`,
      });
    }
  });

const checkFailure = z.strictObject({
  claim: z.string(),
  message: z.string(),
  schedule: z.string(),
  history: z.array(z.strictObject({ step: count, actor: count, what: z.string(), matters: z.boolean() })),
  traceHash: z.string(),
});

const check = z
  .strictObject({
    schemaVersion: z.literal(SCHEMA_VERSION),
    kind: z.literal('check'),
    cell: z.string().min(1),
    protocol: z.string().min(1),
    summary: z.string(),
    claims: z.array(z.strictObject({ name: z.string(), claim: z.string() })),
    plant: z.strictObject({ name: z.string(), what: z.string(), needsTso: z.boolean().optional(), vcpus: count.optional() }).nullable(),
    plugin: z.string().optional(),
    options: z.strictObject({
      vcpus: count,
      memoryOrder: z.enum(['sc', 'tso']),
      scheduler: z.enum(['exhaustive', 'bounded', 'random', 'pct', 'replay']),
      bound: count,
      seed: count,
      schedules: count,
      maxSteps: count,
    }),
    verdict: z.enum(['holds', 'broken', 'unfinished']),
    actors: z.array(z.string()),
    schedules: count,
    pruned: count,
    steps: count,
    longest: count,
    coarse: count,
    failure: checkFailure.optional(),
    commit: z.string(),
    host,
    wall,
  })
  .superRefine(({ verdict, failure, actors }, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    if ((verdict === 'broken') !== (failure !== undefined))
      refuse(['failure'], `expected ${verdict === 'broken' ? 'one' : 'none'} with the verdict "${verdict}"`);
    const stranger = failure?.history.find(({ actor }) => actor >= actors.length);
    if (stranger !== undefined) refuse(['failure', 'history'], `current actor ${stranger.actor}, expected one of ${actors.length}`);
  });

/** The record, or the first thing that is wrong with it, such as "metrics.populate_memory.median: expected number, received string". */
export function checkRecord(value: object): StoredRecord | { problem: string } {
  const checked = ('kind' in value ? check : record).safeParse(value);
  if (checked.success) return checked.data as StoredRecord;
  const [issue] = checked.error.issues;
  const path = issue.path.map(String).join('.');
  const message = issue.message.replace(/^Invalid input: /, '');
  return { problem: path === '' ? message : `${path}: ${message}` };
}
