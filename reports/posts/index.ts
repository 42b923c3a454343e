// The published posts that the report knows, in the order in which it shows them. A new one is a definition file, its two files in
// reports/published, and a line here.

import { EAGER_SPLIT_2022 } from './eager-split-2022.js';
import { MEMSLOTS_2021 } from './memslots-2021.js';
import type { PublishedPost } from './post.js';
import { USERFAULT_2024 } from './userfault-2024.js';

export { type Fit, loadCells, loadFit, matchesSelector } from './load.js';
export {
  type Arms,
  type FidelityLimits,
  type PublishedCell,
  type PublishedPost,
  QUANTITIES,
  type Quantity,
  type RowDefinition,
  type TableDefinition,
} from './post.js';

export const POSTS: readonly PublishedPost[] = [EAGER_SPLIT_2022, MEMSLOTS_2021, USERFAULT_2024];
