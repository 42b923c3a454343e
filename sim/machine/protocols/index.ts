// The protocols that `mmulab check` knows.

import { fastPageFault, fastPageFaultFree, fastPageFaultLarge } from './fast-page-fault.js';
import { locklessWriteProtect, locklessWriteProtectFree, locklessWriteProtectZap } from './lockless-write-protect.js';
import { memslotSwap } from './memslot-swap.js';
import { mmuNotifier } from './mmu-notifier.js';
import type { Protocol } from './protocol.js';
import { qrwlockProtocol } from './qrwlock.js';
import { queuedSpinlockProtocol } from './queued-spinlock.js';
import { rmapWalk } from './rmap-walk.js';
import { userfaultfd } from './userfaultfd.js';

export const PROTOCOLS: readonly Protocol[] = [
  locklessWriteProtect,
  locklessWriteProtectZap,
  locklessWriteProtectFree,
  rmapWalk,
  fastPageFault,
  fastPageFaultLarge,
  fastPageFaultFree,
  memslotSwap,
  mmuNotifier,
  userfaultfd,
  queuedSpinlockProtocol,
  qrwlockProtocol,
];
