// The options of one cell of a post-copy migration: what they are where nothing is said, and which combinations are refused.

import { PAGE_BYTES } from '../units.js';
import { ACCESS_PATTERNS, JITTERS, type PostCopyOptions } from './cell.js';
import { DEFAULT_CATCHERS, durationProblem, isWhole, userfaultProblem } from './demand-paging-options.js';

const MAX_LATENCY_NS = 10e9;
const MAX_COMPUTE_NS = 1e9;
const MAX_JITTER_PERCENT = 1000;
/** Bytes per second: 8 Tbit/s. */
const MAX_BANDWIDTH = 1e12;
const MAX_PREFETCH = 65_536;
const MAX_PUSHERS = 64;
const MAX_ACCESSES = 1000;

/** A migration as it is done today, over the network that the KVM Userfault series speaks of: "~30us network latency for a PAGE_SIZE demand-fetch". */
export const DEFAULT_POST_COPY: PostCopyOptions = {
  ...DEFAULT_CATCHERS,
  vcpus: 8,
  vcpuBytes: 4 * 2 ** 20,
  backing: 'shmem',
  uffd: 'minor',
  latencyNs: 30_000,
  bandwidth: 0,
  jitter: 'none',
  jitterPercent: 0,
  prefetch: 0,
  pushers: 0,
  pattern: 'sequential',
  accesses: 1,
  computeNs: 0,
};

/** One line that says why the combination is refused, or undefined. */
export function checkPostCopyOptions(options: PostCopyOptions): string | undefined {
  return (
    catcherProblem(options) ?? userfaultProblem(options) ?? networkProblem(options) ?? fetchProblem(options) ?? guestProblem(options) ?? timeProblem(options)
  );
}

function catcherProblem({ uffd, kvmUserfault }: PostCopyOptions): string | undefined {
  if (uffd !== 'none' || kvmUserfault) return undefined;
  return 'Cannot migrate after the switch: current nobody who catches faults, expected a userfaultfd (missing or minor) or KVM Userfault';
}

function networkProblem({ latencyNs, bandwidth, jitter, jitterPercent }: PostCopyOptions): string | undefined {
  if (!isWhole(latencyNs, 0, MAX_LATENCY_NS)) return `Cannot fetch pages with a latency of ${latencyNs} ns: expected 0 to ${MAX_LATENCY_NS}`;
  if (!isWhole(bandwidth, 0, MAX_BANDWIDTH))
    return `Cannot fetch pages at ${bandwidth} bytes per second: expected 1 to ${MAX_BANDWIDTH}, or 0 for a network without limit`;
  if (!JITTERS.includes(jitter)) return `Cannot jitter the latency by ${jitter}: expected ${JITTERS.join(', ')}`;
  if (!isWhole(jitterPercent, 0, MAX_JITTER_PERCENT)) return `Cannot jitter the latency by ${jitterPercent} %: expected 0 to ${MAX_JITTER_PERCENT}`;
  if (jitter !== 'none' || jitterPercent === 0) return undefined;
  return `Cannot jitter the latency by ${jitterPercent} %: current jitter none, expected ${JITTERS.filter((other) => other !== 'none').join(' or ')}, or 0 %`;
}

function fetchProblem({ prefetch, pushers }: PostCopyOptions): string | undefined {
  if (!isWhole(prefetch, 0, MAX_PREFETCH)) return `Cannot fetch ${prefetch} pages with each that faulted: expected 0 to ${MAX_PREFETCH}`;
  return isWhole(pushers, 0, MAX_PUSHERS) ? undefined : `Cannot push pages with ${pushers} threads: expected 0 to ${MAX_PUSHERS}`;
}

function guestProblem({ pattern, accesses, computeNs }: PostCopyOptions): string | undefined {
  if (!ACCESS_PATTERNS.includes(pattern)) return `Cannot access memory in a ${pattern} pattern: expected ${ACCESS_PATTERNS.join(', ')}`;
  if (!isWhole(accesses, 1, MAX_ACCESSES)) return `Cannot access memory ${accesses} times over: expected 1 to ${MAX_ACCESSES}`;
  return isWhole(computeNs, 0, MAX_COMPUTE_NS) ? undefined : `Cannot compute for ${computeNs} ns between accesses: expected 0 to ${MAX_COMPUTE_NS}`;
}

function timeProblem(options: PostCopyOptions): string | undefined {
  const { vcpus, vcpuBytes, overlap, latencyNs, jitterPercent, bandwidth, accesses, computeNs } = options;
  const transferNs = bandwidth === 0 ? 0 : (vcpus * vcpuBytes * 1e9) / bandwidth;
  const computingNs = ((overlap ? vcpus : 1) * vcpuBytes * accesses * computeNs) / PAGE_BYTES;
  return durationProblem(options, {
    nsPerFault: latencyNs * (1 + jitterPercent / 100),
    otherNs: transferNs + computingNs,
    how: 'a faster network, less memory or a shorter computation',
  });
}
