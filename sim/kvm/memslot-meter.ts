// Work that a memslot structure does, counted where it is done. The machine profile turns it into time.

import type { Cpu } from '../engine/cpu.js';

export class MemslotMeter {
  /** Nodes of a red-black tree, an interval tree or a hash chain that were visited or rewritten. */
  treeNodes = 0;
  /** Nodes of a B-tree that were visited or rewritten. */
  btreeNodes = 0;
  /** Keys compared within B-tree nodes, and entries probed by a binary search. */
  probes = 0;
  /** Array entries passed in a linear scan. */
  scanned = 0;
  /** Array entries copied or shifted. */
  copied = 0;
  /** Places of an id table that were copied, used or not. */
  tableIds = 0;
  /** Bytes copied in all. */
  copiedBytes = 0;
  /** Different cache lines (64 bytes) that lookups touched, for each lookup anew. */
  lines = 0;

  /** Charges what was counted since the last call to `cpu`, adds it to the CPU's counters, and starts again from zero. */
  charge(cpu: Cpu): void {
    const { cost, counters } = cpu;
    cpu.spend(
      this.treeNodes * cost.tree_node_visit +
        this.btreeNodes * cost.btree_node_visit +
        this.probes * cost.array_probe +
        this.scanned * cost.array_entry_scan +
        this.copied * cost.array_entry_copy +
        this.tableIds * cost.table_id_copy,
    );
    counters.memslotTreeNodes += this.treeNodes;
    counters.memslotBtreeNodes += this.btreeNodes;
    counters.memslotProbes += this.probes;
    counters.memslotEntriesScanned += this.scanned;
    counters.memslotEntriesCopied += this.copied;
    counters.memslotBytesCopied += this.copiedBytes;
    counters.memslotLines += this.lines;
    this.reset();
  }

  reset(): void {
    this.treeNodes = 0;
    this.btreeNodes = 0;
    this.probes = 0;
    this.scanned = 0;
    this.copied = 0;
    this.tableIds = 0;
    this.copiedBytes = 0;
    this.lines = 0;
  }
}
