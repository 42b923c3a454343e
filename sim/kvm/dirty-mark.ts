// When a fault marks its page dirty: last, unless a planted bug says otherwise.

import type { KvmPlant } from './plants.js';

/** Steps of a fault that maps a page, each named by what has not been done yet. */
export const DirtyMark = { beforeSpte: 0, beforeRmap: 1, last: 2 } as const;

/** The step at which a fault marks its page dirty. */
export function dirtyMarkOf(plant: KvmPlant | null): number {
  if (plant === 'dirty-before-spte') return DirtyMark.beforeSpte;
  return plant === 'rmap-after-dirty' ? DirtyMark.beforeRmap : DirtyMark.last;
}
