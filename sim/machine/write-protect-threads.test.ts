import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { MigrationOptions, WriteProtectOptions } from './cell.js';
import { DEFAULT_MIGRATION } from './migration-options.js';
import { loadProfile } from './profile.js';
import { closePools, runMigrationThreads, runWriteProtectThreads } from './run-suite-threads.js';
import { DEFAULT_WRITE_PROTECT } from './write-protect-options.js';

const RUN = { profile: loadProfile('intel-2s48c-2022'), seed: 1, timeScale: 0 };
const MIB = 2 ** 20;

/** Each run checks the page tables, and that no write is missing in the log. */
describe('dirty logging beside writers on real threads', () => {
  after(() => closePools());

  for (const writeProtect of ['locked', 'lockless', 'root'] as const) {
    it(`loses no write: ${writeProtect}`, async () => {
      const options: WriteProtectOptions = { ...DEFAULT_WRITE_PROTECT, writeProtect, vcpuBytes: 2 * MIB, passes: 4, notifierRate: 20_000 };
      for (const backing of ['anonymous', 'anonymous_hugetlb_2mb'] as const) {
        const outcome = await runWriteProtectThreads({ ...options, backing }, RUN);
        assert.ok(outcome.counters.guestWrites > 2 * 512, 'both vCPUs write beyond their first pass');
        assert.deepEqual(
          outcome.stalls.map(({ phase }) => phase),
          ['window'],
        );
      }
    });
  }

  const migrations: Record<string, Partial<MigrationOptions>> = {
    'manual protection': { manualProtect: true, clearChunkBytes: 2 ** 18 },
    'lockless protection': { manualProtect: false, era: '2013', split: 'lazy', writeProtect: 'lockless' },
  };
  for (const [name, changes] of Object.entries(migrations)) {
    it(`migrates a guest with each page as it left it: ${name}`, async () => {
      const options = { ...DEFAULT_MIGRATION, vcpus: 2, vcpuBytes: MIB, bandwidth: 1e10, maxRounds: 3, dirtyRate: 0, ...changes };
      const outcome = await runMigrationThreads(options, RUN);
      const sent = outcome.values?.find(({ metric }) => metric === 'pages_sent')?.value ?? 0;
      assert.ok(sent >= 2 * 256);
    });
  }
});
