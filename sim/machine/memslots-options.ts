// The options of a memslot_perf_test cell: what they are where nothing is said, and which combinations are refused.

import { KVM_USER_MEM_SLOTS, MEMSLOT_STRUCTURES } from '../kvm/memslot-sets.js';
import { MAX_PAYLOAD } from '../kvm/spte.js';
import { BATCH_CALLS, MEMSLOT_TESTS, type MemslotsOptions } from './cell.js';
import { geometryProblem, hvaPagesEnd, testMemory } from './memslots-geometry.js';

const MAX_VCPUS = 1024;
const MAX_LOOPS = 1_000_000_000;
const MAX_SECONDS = 86_400;
/** Fewer than this, and there is none for a test beside memslot 0. */
const MIN_SLOTS = 2;

/** Tests that take several vCPUs: those that the selftest does not have. */
const VCPU_TESTS: ReadonlySet<string> = new Set(['zap', 'share', 'readers']);

export const DEFAULT_MEMSLOTS: MemslotsOptions = {
  test: 'map',
  slots: 509,
  memslots: 'tree',
  maxSlots: KVM_USER_MEM_SLOTS,
  vcpus: 1,
  mmu: 'shadow',
  loops: 0,
  seconds: 5,
  slotSetup: false,
  zapAll: true,
  lastUsed: 'shared',
  changes: 10,
  call: 'one-by-one',
};

/** One line that says why the combination is refused, or undefined. */
export function checkMemslotsOptions(options: MemslotsOptions): string | undefined {
  return wordProblem(options) ?? slotsProblem(options) ?? vcpusProblem(options) ?? timeProblem(options) ?? batchProblem(options) ?? memoryProblem(options);
}

function wordProblem({ test, memslots, call }: MemslotsOptions): string | undefined {
  if (!MEMSLOT_TESTS.includes(test)) return `Cannot run test ${test}: expected ${MEMSLOT_TESTS.join(', ')}`;
  if (!MEMSLOT_STRUCTURES.includes(memslots)) return `Cannot keep memslots in ${memslots}: expected ${MEMSLOT_STRUCTURES.join(', ')}`;
  return BATCH_CALLS.includes(call) ? undefined : `Cannot change memslots by ${call}: expected ${BATCH_CALLS.join(', ')}`;
}

function slotsProblem({ test, slots, maxSlots, memslots, vcpus }: MemslotsOptions): string | undefined {
  for (const count of [slots, maxSlots]) {
    if (!Number.isInteger(count) || count < MIN_SLOTS) return `Cannot use memslots: current ${count} slots, expected at least ${MIN_SLOTS} with memslot 0`;
    if (count > KVM_USER_MEM_SLOTS)
      return `Cannot use memslots: current ${count} slots, expected at most ${KVM_USER_MEM_SLOTS} (KVM_CAP_NR_MEMSLOTS; KVM_SET_USER_MEMORY_REGION fails with EINVAL beyond it)`;
  }
  if (slots > maxSlots)
    return `Cannot use memslots: current ${slots} slots in a kernel built for ${maxSlots} (${memslots}), expected at most ${maxSlots} or a larger --max-slots`;
  const problem = Number.isInteger(vcpus) && vcpus >= 1 ? geometryProblem({ test, slots, vcpus }) : undefined;
  return problem === undefined ? undefined : `Cannot run test ${test}: ${problem}`;
}

function vcpusProblem({ test, vcpus }: MemslotsOptions): string | undefined {
  if (!VCPU_TESTS.has(test))
    return vcpus === 1 ? undefined : `Cannot run test ${test} with several vCPUs: current ${vcpus}, expected 1 (tests zap, share and readers take more)`;
  if (Number.isInteger(vcpus) && vcpus >= 1 && vcpus <= MAX_VCPUS) return undefined;
  return `Cannot run test ${test}: current ${vcpus} vCPUs, expected 1 to ${MAX_VCPUS}`;
}

function timeProblem({ test, loops, seconds }: MemslotsOptions): string | undefined {
  if (!Number.isInteger(loops) || loops < 0 || loops > MAX_LOOPS)
    return `Cannot run test ${test}: current ${loops} loops, expected 1 to ${MAX_LOOPS}, or 0 for as many as the test needs`;
  if (seconds > 0 && seconds <= MAX_SECONDS) return undefined;
  return `Cannot run test ${test}: current ${seconds} s for all iterations, expected more than 0 and at most ${MAX_SECONDS} (test setup has no iterations)`;
}

function batchProblem({ test, slots, changes, call }: MemslotsOptions): string | undefined {
  if (test === 'batch') {
    if (Number.isInteger(changes) && changes >= 1 && changes <= slots - 1) return undefined;
    return `Cannot change the flags of ${changes} memslots at once: current ${slots - 1} memslots beside memslot 0, expected 1 to ${slots - 1} changes, each of another memslot`;
  }
  if (call !== DEFAULT_MEMSLOTS.call)
    return `Cannot choose the call of test ${test}: current ${call}, expected ${DEFAULT_MEMSLOTS.call} (test batch has the others)`;
  if (changes === DEFAULT_MEMSLOTS.changes) return undefined;
  return `Cannot choose the changes of test ${test}: current ${changes}, expected ${DEFAULT_MEMSLOTS.changes} (only test batch has changes)`;
}

function memoryProblem(options: MemslotsOptions): string | undefined {
  const pages = hvaPagesEnd(testMemory(options));
  if (pages <= MAX_PAYLOAD) return undefined;
  return `Cannot simulate ${pages} pages of guest memory: current limit ${MAX_PAYLOAD}, expected fewer than ${options.vcpus} vCPUs`;
}
