// Sizes and kinds of address. The only place where one kind is turned into another.

export type Gfn = number & { readonly kind?: 'gfn' };
export type Pfn = number & { readonly kind?: 'pfn' };

export const PAGE_BYTES = 4096;
/** log2 of the entries in a page table. */
export const TABLE_SHIFT = 9;
export const TABLE_ENTRIES = 1 << TABLE_SHIFT;

/** Mapping levels, as KVM counts them. */
export const LEVEL_4K = 1;
export const LEVEL_2M = 2;
export const LEVEL_1G = 3;
export const ROOT_LEVEL = 4;

/** 4 KiB pages that an entry of `level` maps: 1, 512, 262144. */
export function pagesPerLevel(level: number): number {
  return 1 << ((level - 1) * TABLE_SHIFT);
}

/** The mapping level whose page has `bytes` bytes. Throws `RangeError` for anything but 4 KiB, 2 MiB and 1 GiB. */
export function levelOfBytes(bytes: number): number {
  for (let level = LEVEL_4K; level <= LEVEL_1G; level++) if (pagesPerLevel(level) * PAGE_BYTES === bytes) return level;
  throw new RangeError(`Cannot map pages of ${bytes} bytes: expected 4096, 2097152 or 1073741824`);
}
