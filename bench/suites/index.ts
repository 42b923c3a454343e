// The registry of suites: the one line that a new suite adds is here.

import { demandPaging } from './demand-paging.js';
import { dirtyLog } from './dirty-log.js';
import { memslots } from './memslots.js';
import { migration } from './migration.js';
import { postCopy } from './post-copy.js';
import type { Suite } from './suite.js';
import { writeProtect } from './write-protect.js';

export {
  type CellOptions,
  commandLineOf,
  describeOptions,
  type Engine,
  type GivenOptions,
  type Suite,
  type SuiteOption,
  type SuiteSimulation,
} from './suite.js';
export { choiceItem, countItem, decimalItem, formatSize, parseList, parseOne } from './values.js';

/** Every suite, in the order in which they run and are listed. */
export const SUITES: readonly Suite[] = [dirtyLog, memslots, demandPaging, postCopy, writeProtect, migration];
