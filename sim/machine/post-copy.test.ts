import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Cpu, KernelPath } from '../engine/cpu.js';
import { ACCESS_PATTERNS, JITTERS, type PostCopyOptions, READER_WAITS, type RunOutcome } from './cell.js';
import { IncomingPages } from './incoming-pages.js';
import { postCopyScenario } from './post-copy.js';
import { loadProfile } from './profile.js';
import { runScenarioVirtual } from './run-virtual.js';

const PAGE = 4096;
const PROFILE = loadProfile('x86-2s48c-2024');

const READERS: PostCopyOptions = {
  vcpus: 4,
  vcpuBytes: 64 * PAGE,
  backing: 'shmem',
  uffd: 'minor',
  singleUffd: true,
  readers: 4,
  kvmUserfault: false,
  overlap: false,
  readerWait: 'epoll',
  asyncPf: 'off',
  vmaLocks: false,
  guestSeed: 1,
  latencyNs: 30_000,
  bandwidth: 1.25e9,
  jitter: 'none',
  jitterPercent: 0,
  prefetch: 0,
  pushers: 0,
  pattern: 'sequential',
  accesses: 2,
  computeNs: 0,
};
const KVM_USERFAULT: PostCopyOptions = { ...READERS, readers: 1, kvmUserfault: true };
const ASYNC: PostCopyOptions = { ...KVM_USERFAULT, asyncPf: 'user' };

function run(options: PostCopyOptions, seed = 1): RunOutcome {
  return runScenarioVirtual(postCopyScenario(options), { profile: PROFILE, seed });
}

function completionNs(options: PostCopyOptions): number {
  return run(options).times[0].ns;
}

function measured(outcome: RunOutcome, metric: string): number {
  const found = outcome.values?.find((candidate) => candidate.metric === metric);
  assert.ok(found !== undefined, `no ${metric}`);
  return found.value;
}

describe('post-copy', () => {
  it('brings every page that is used once, whoever fetches it', () => {
    const ways: Partial<PostCopyOptions>[] = [
      {},
      { uffd: 'missing', backing: 'anonymous' },
      { uffd: 'missing', backing: 'shmem', singleUffd: false },
      { kvmUserfault: true },
      { kvmUserfault: true, uffd: 'none', readers: 0 },
      { kvmUserfault: true, uffd: 'none', readers: 0, backing: 'guest_memfd' },
      { kvmUserfault: true, asyncPf: 'user' },
      { backing: 'shared_hugetlb_2mb', vcpuBytes: 4 * 512 * PAGE },
      { backing: 'anonymous_thp', uffd: 'missing', vcpuBytes: 4 * 512 * PAGE },
    ];
    for (const way of ways) {
      const { counters } = run({ ...READERS, ...way });
      assert.equal(counters.hostPagesInstalled, way.vcpuBytes === undefined ? 256 : 16, JSON.stringify(way));
    }
  });

  it('takes at least a round trip per page of a vCPU that waits for each', () => {
    const outcome = run({ ...KVM_USERFAULT, bandwidth: 0 });
    assert.ok(measured(outcome, 'time_to_last_page') > 64 * 30_000);
    assert.ok(measured(outcome, 'stall_p50') > 30_000);
    assert.ok(measured(outcome, 'running_share') < 0.1);
  });

  it('repeats itself to the last event for one seed', () => {
    for (const options of [
      { ...READERS, jitter: 'exponential', jitterPercent: 30 } as const,
      { ...ASYNC, pushers: 2, prefetch: 3, pattern: 'zipf' } as const,
    ]) {
      const first = run(options);
      assert.deepEqual(run(options), first);
      assert.notEqual(run(options, 2).traceHash, first.traceHash);
    }
  });

  // Where the link limits nothing any more, what comes earlier may come in a worse order.
  it('is not slower over a faster link', () => {
    for (const options of [READERS, KVM_USERFAULT, { ...ASYNC, pushers: 1 }]) {
      const times = [0.1e9, 0.3e9, 1e9, 5e9, 0].map((bandwidth) => completionNs({ ...options, bandwidth }));
      for (let i = 1; i < times.length; i++) assert.ok(times[i] <= 1.05 * times[i - 1], times.join(' '));
    }
  });

  it('fills the link and no more when enough is on its way', () => {
    const outcome = run({ ...KVM_USERFAULT, pushers: 1, vcpuBytes: 256 * PAGE });
    const most = 1.25e9 / PAGE;
    const rate = measured(outcome, 'pages_per_second');
    assert.ok(rate < most && rate > 0.9 * most, `${rate} pages per second`);
    assert.equal(outcome.counters.hostPagesInstalled, 1024);
  });

  it('gains by a prefetch window where the guest goes through its memory in order', () => {
    for (const options of [READERS, KVM_USERFAULT]) {
      const sequential = { ...options, bandwidth: 0 };
      assert.ok(completionNs({ ...sequential, prefetch: 7 }) < 0.4 * completionNs(sequential));
    }
  });

  it('scales by KVM Userfault where one userfaultfd with one reader does not', () => {
    const rate = (options: PostCopyOptions, vcpus: number): number => measured(run({ ...options, bandwidth: 0, vcpus }), 'pages_per_second');
    assert.ok(rate(KVM_USERFAULT, 16) > 7 * rate(KVM_USERFAULT, 2));
    assert.ok(rate({ ...READERS, readers: 1 }, 16) < 1.2 * rate({ ...READERS, readers: 1 }, 2));
  });

  it('keeps the vCPUs running while pages come by asynchronous page faults', () => {
    const busy = { pattern: 'uniform', computeNs: 2000, bandwidth: 0 } as const;
    const waiting = run({ ...KVM_USERFAULT, ...busy });
    const running = run({ ...ASYNC, ...busy });
    assert.ok(measured(running, 'running_share') > 2 * measured(waiting, 'running_share'));
    assert.ok(running.times[0].ns < 0.6 * waiting.times[0].ns);
  });

  it('is back at its normal speed when the pages that it uses are there', () => {
    const outcome = run({ ...KVM_USERFAULT, accesses: 20, computeNs: 500, bandwidth: 0 });
    const [half, most, all] = [50, 90, 99].map((percent) => measured(outcome, `time_to_${percent}_percent`));
    assert.ok(half <= most && most <= all && all < outcome.times[0].ns, `${half} ${most} ${all} of ${outcome.times[0].ns}`);
    assert.ok(half > 0.9 * measured(outcome, 'time_to_last_page'));
  });

  it('finds a page that is asked for twice, and a wakeup that is lost', (context) => {
    const twice = context.mock.method(IncomingPages.prototype, 'claim', () => true);
    assert.throws(() => run({ ...KVM_USERFAULT, overlap: true }), /arrives though nobody has asked for it|installed|resolved/);
    twice.mock.restore();
    const lost = context.mock.method(IncomingPages.prototype, 'arrive', function* (this: IncomingPages, cpu: Cpu, page: number): KernelPath {
      if (cpu.touch(this.wordOf(page))) yield;
      cpu.store(this.wordOf(page), -1);
    });
    assert.throws(() => run({ ...KVM_USERFAULT, overlap: true }), /deadlock at \d+ ps: CPU \d waits for "a page on its way"/);
    lost.mock.restore();
  });

  it('ends well for any mixture of options', () => {
    fc.assert(
      fc.property(
        fc.record({
          vcpus: fc.integer({ min: 1, max: 5 }),
          readers: fc.integer({ min: 1, max: 3 }),
          who: fc.constantFrom({}, { kvmUserfault: true }, { kvmUserfault: true, uffd: 'none', readers: 0 }, { kvmUserfault: true, asyncPf: 'user' }),
          singleUffd: fc.boolean(),
          overlap: fc.boolean(),
          readerWait: fc.constantFrom(...READER_WAITS),
          vmaLocks: fc.boolean(),
          bandwidth: fc.constantFrom(0, 0.5e9, 20e9),
          latencyNs: fc.constantFrom(0, 1000, 30_000),
          jitter: fc.constantFrom(...JITTERS),
          jitterPercent: fc.integer({ min: 0, max: 100 }),
          prefetch: fc.integer({ min: 0, max: 5 }),
          pushers: fc.integer({ min: 0, max: 3 }),
          pattern: fc.constantFrom(...ACCESS_PATTERNS),
          computeNs: fc.constantFrom(0, 300),
        }),
        ({ who, ...mixture }) => {
          const options = { ...READERS, vcpuBytes: 16 * PAGE, ...mixture, ...who } as PostCopyOptions;
          run({ ...options, singleUffd: options.singleUffd || options.overlap });
        },
      ),
      { seed: 4, numRuns: 150 },
    );
  });
});
