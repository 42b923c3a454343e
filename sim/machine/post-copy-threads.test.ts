import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { PostCopyOptions } from './cell.js';
import { DEFAULT_POST_COPY } from './post-copy-options.js';
import { loadProfile } from './profile.js';
import { closePools, runPostCopyThreads } from './run-suite-threads.js';

const PROFILE = loadProfile('x86-2s48c-2024');
const PAGES = 32;
const SMALL: PostCopyOptions = { ...DEFAULT_POST_COPY, vcpus: 2, vcpuBytes: PAGES * 4096, latencyNs: 1000, accesses: 2 };

/** Each run checks that every page came once with its contents, and that nobody is left asleep. */
describe('post-copy on real threads', () => {
  after(() => closePools());

  const ways: Record<string, Partial<PostCopyOptions>> = {
    'readers and a pusher': { singleUffd: true, readers: 2, pushers: 1, prefetch: 2 },
    "the vCPUs' own threads": { singleUffd: true, kvmUserfault: true, overlap: true, pattern: 'uniform', bandwidth: 5e9 },
    'asynchronous page faults': { singleUffd: true, kvmUserfault: true, asyncPf: 'user', overlap: true, pattern: 'zipf', pushers: 1, prefetch: 1 },
  };
  for (const [name, way] of Object.entries(ways)) {
    it(`brings every page once: ${name}`, async () => {
      const outcome = await runPostCopyThreads({ ...SMALL, ...way }, { profile: PROFILE, seed: 1, timeScale: 0 });
      const { hostPagesInstalled } = outcome.counters;
      assert.ok(way.pushers === 1 ? hostPagesInstalled === 2 * PAGES : hostPagesInstalled <= 2 * PAGES);
      const share = outcome.values?.find(({ metric }) => metric === 'running_share')?.value ?? -1;
      assert.ok(share >= 0 && share <= 1, `running share ${share}`);
    });
  }
});
