import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PostCopyOptions } from './cell.js';
import { checkPostCopyOptions, DEFAULT_POST_COPY } from './post-copy-options.js';

function check(changes: Partial<PostCopyOptions>): string | undefined {
  return checkPostCopyOptions({ ...DEFAULT_POST_COPY, ...changes });
}

const GOOD: Partial<PostCopyOptions>[] = [
  {},
  { kvmUserfault: true, vcpus: 512 },
  { uffd: 'none', kvmUserfault: true, backing: 'guest_memfd', asyncPf: 'user' },
  { uffd: 'missing', backing: 'anonymous' },
  { overlap: true, singleUffd: true },
  { latencyNs: 0, bandwidth: 1.25e9, prefetch: 511, pushers: 2 },
  { jitter: 'exponential', jitterPercent: 50 },
  { pattern: 'zipf', accesses: 10, computeNs: 1000 },
];

for (const changes of GOOD) test(`${JSON.stringify(changes)} is a cell`, () => assert.equal(check(changes), undefined));

const BAD: [Partial<PostCopyOptions>, RegExp][] = [
  [{ uffd: 'none' }, /^Cannot migrate after the switch: current nobody who catches faults, expected a userfaultfd \(missing or minor\) or KVM Userfault$/],
  [{ backing: 'anonymous' }, /^Cannot catch minor faults of anonymous memory/],
  [{ backing: 'guest_memfd' }, /^Cannot register guest_memfd with a userfaultfd/],
  [{ kvmUserfault: true, asyncPf: 'kernel' }, /^Cannot use KVM Userfault with the kernel's asynchronous page faults/],
  [{ latencyNs: -5000 }, /^Cannot fetch pages with a latency of -5000 ns: expected 0 to/],
  [{ latencyNs: 0.5 }, /^Cannot fetch pages with a latency of 0.5 ns/],
  [{ bandwidth: -1 }, /^Cannot fetch pages at -1 bytes per second: .* or 0 for a network without limit$/],
  [{ jitter: 'normal' as 'none' }, /^Cannot jitter the latency by normal: expected none, uniform, exponential$/],
  [{ jitter: 'uniform', jitterPercent: -1 }, /^Cannot jitter the latency by -1 %: expected 0 to 1000$/],
  [{ jitterPercent: 20 }, /^Cannot jitter the latency by 20 %: current jitter none, expected uniform or exponential, or 0 %$/],
  [{ prefetch: -1 }, /^Cannot fetch -1 pages with each that faulted: expected 0 to 65536$/],
  [{ pushers: 65 }, /^Cannot push pages with 65 threads: expected 0 to 64$/],
  [{ pattern: 'random' as 'uniform' }, /^Cannot access memory in a random pattern: expected sequential, uniform, zipf$/],
  [{ accesses: 0 }, /^Cannot access memory 0 times over: expected 1 to 1000$/],
  [{ computeNs: -1 }, /^Cannot compute for -1 ns between accesses/],
  [{ bandwidth: 1 }, /^Cannot simulate about 33554433 s of virtual time: current limit 4000 s, expected a faster network/],
  [{ latencyNs: 10e9 }, /^Cannot simulate about 10240 s of virtual time/],
];

for (const [changes, reason] of BAD) {
  test(`${JSON.stringify(changes)} is refused with one line`, () => {
    const problem = check(changes) ?? '';
    assert.match(problem, reason);
    assert.ok(!problem.includes('\n'));
  });
}
