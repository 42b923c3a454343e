import { describe } from 'node:test';
import { fastPageFault, fastPageFaultFree, fastPageFaultLarge } from './fast-page-fault.js';
import { locklessWriteProtect, locklessWriteProtectFree, locklessWriteProtectZap } from './lockless-write-protect.js';
import type { Protocol } from './protocol.js';
import { itFinds, itHolds, PCT } from './protocol.kit.js';
import { rmapWalk } from './rmap-walk.js';

/** Of each protocol: how its right version is searched, and the claims that each planted bug may break, by which schedule comes first. */
const CASES: readonly { protocol: Protocol; every: boolean; breaks: Record<string, string[]> }[] = [
  {
    protocol: locklessWriteProtect,
    every: true,
    breaks: { 'dirty-before-spte': ['copied', 'tlb', 'tables'], 'rmap-after-dirty': ['copied', 'tlb', 'tables'], 'missed-flush': ['copied', 'tlb', 'tables'] },
  },
  {
    protocol: locklessWriteProtectZap,
    every: true,
    breaks: { 'rmap-before-zap': ['copied', 'tlb'], 'flush-if-changed': ['copied', 'tlb'], 'drop-protect': ['copied', 'tables'] },
  },
  { protocol: locklessWriteProtectFree, every: true, breaks: { 'free-at-once': ['assertion'], 'no-indicator-fence': ['assertion', 'tables'] } },
  { protocol: rmapWalk, every: true, breaks: { 'backward-move': ['seen'], 'walk-upward': ['seen'], 'no-nulls-check': ['seen'] } },
  {
    protocol: fastPageFault,
    every: true,
    breaks: { 'fast-store': ['tables', 'tlb', 'copied'], 'fast-dirty-first': ['copied', 'tables'], 'fast-no-dirty': ['copied', 'tables'] },
  },
  { protocol: fastPageFaultLarge, every: true, breaks: { 'fast-fix-large': ['copied', 'tables'] } },
  { protocol: fastPageFaultFree, every: false, breaks: { 'fast-no-walk-guard': ['assertion'], 'fast-no-walk-fence': ['assertion'] } },
];

for (const { protocol, every, breaks } of CASES) {
  describe(protocol.name, () => {
    itHolds(protocol, every ? 'holds in every schedule' : 'holds in random schedules', every ? {} : { ...PCT, schedules: 3000 });
    for (const { name, foundByPct } of protocol.plants) itFinds(protocol, name, breaks[name], foundByPct === true ? PCT : {});
  });
}
