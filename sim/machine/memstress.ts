// Where the memory under test lies, and who touches what of it: the layout of lib/memstress.c, which dirty_log_perf_test and demand_paging_test share.

import { PAGE_BYTES, ROOT_LEVEL, TABLE_SHIFT } from '../units.js';

/** Where the region begins: 1 GiB aligned, so that huge pages fit. */
export const REGION_GFN = 1 << 18;

/** What decides the layout. */
export interface RegionOptions {
  vcpus: number;
  /** Bytes of each vCPU's part. */
  vcpuBytes: number;
  /** All vCPUs touch the whole region. */
  overlap: boolean;
}

/** Pages of the whole region. */
export function regionPages({ vcpus, vcpuBytes }: Pick<RegionOptions, 'vcpus' | 'vcpuBytes'>): number {
  return (vcpus * vcpuBytes) / PAGE_BYTES;
}

/** What vCPU `index` touches. */
export function regionOf(options: RegionOptions, index: number): { firstGfn: number; pages: number } {
  if (options.overlap) return { firstGfn: REGION_GFN, pages: regionPages(options) };
  const pages = options.vcpuBytes / PAGE_BYTES;
  return { firstGfn: REGION_GFN + index * pages, pages };
}

/** Tables of `level` that a region of `pages` takes when it is mapped through them. */
export function tablesOfLevel(pages: number, level: number): number {
  const shift = level * TABLE_SHIFT;
  return level >= ROOT_LEVEL ? 1 : ((REGION_GFN + pages - 1) >>> shift) - (REGION_GFN >>> shift) + 1;
}
