// The write-protection policies by name.

import type { WriteProtectName, WriteProtectPolicy } from './write-protect.js';
import { writeProtectLocked } from './write-protect-locked.js';
import { writeProtectLockless } from './write-protect-lockless.js';
import { writeProtectRoot } from './write-protect-root.js';

export const writeProtects: Record<WriteProtectName, WriteProtectPolicy> = {
  locked: writeProtectLocked,
  lockless: writeProtectLockless,
  root: writeProtectRoot,
};
