// A check's record for the results file.

import type { Plant } from '../../sim/index.js';
import { type CheckRecord, SCHEMA_VERSION } from '../results/index.js';
import type { Provenance } from '../run/index.js';
import type { CheckRun } from './job.js';
import type { PlannedCheck } from './plan.js';

/** The record of a check that ran. */
export function toCheckRecord(check: PlannedCheck, { outcome, startedAt, seconds }: CheckRun, provenance: Provenance): CheckRecord {
  const { protocol, plant, plugin, options } = check;
  const { plant: _plant, replay: _replay, ...kept } = options;
  const { verdict, actors, schedules, pruned, steps, longest, coarse, failure } = outcome;
  return {
    schemaVersion: SCHEMA_VERSION,
    kind: 'check',
    cell: checkKey(check),
    protocol: protocol.name,
    summary: protocol.summary,
    claims: protocol.claims.map(({ name, claim }) => ({ name, claim })),
    plant: plant === null ? null : plantRecord(plant),
    ...(plugin !== undefined && { plugin }),
    options: kept,
    verdict,
    actors: [...actors],
    ...{ schedules, pruned, steps, longest, coarse },
    ...(failure !== undefined && { failure }),
    ...provenance,
    wall: { startedAt, seconds },
  };
}

/** Canonical key: everything that decides which schedules are run. */
function checkKey({ protocol, plant, plugin, options }: PlannedCheck): string {
  const { vcpus, memoryOrder, scheduler, bound, seed, schedules, maxSteps } = options;
  const search = { exhaustive: '', replay: '', bounded: ` bound=${bound}`, random: ` seed=${seed}`, pct: ` bound=${bound} seed=${seed}` }[scheduler];
  const name = plugin === undefined ? protocol.name : `${protocol.name} plugin=${plugin}`;
  return `check ${name} plant=${plant?.name ?? 'none'} vcpus=${vcpus} order=${memoryOrder} ${scheduler}${search} schedules=${schedules} max-steps=${maxSteps}`;
}

/** The fields that a record has, and no others that a plugin may give. */
function plantRecord({ name, what, needsTso, vcpus }: Plant): Plant {
  return { name, what, ...(needsTso !== undefined && { needsTso }), ...(vcpus !== undefined && { vcpus }) };
}
