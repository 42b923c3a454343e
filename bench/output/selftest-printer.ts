// What it takes to print a suite's results as its selftest prints them. Each suite that has a selftest has one file like this one's neighbours.

import type { ResultRecord } from '../results/index.js';

/** How one selftest prints. */
export interface SelftestPrinter {
  suite: string;
  /** The selftest's program, for notes. */
  program: string;
  /** Whether the selftest has lines for this record. */
  prints(record: ResultRecord): boolean;
  /** What `prints` expects, for the refusal where it holds for no record. */
  expected: string;
  /** What all records that one command line of the selftest would have run have in common. */
  groupOf(record: ResultRecord): string;
  /** Records of one group in the selftest's order: the text, ending in a line end. */
  render(records: readonly ResultRecord[]): string;
  /** Order within a group: smaller comes first. */
  order(record: ResultRecord): number;
}

/** "%ld.%.9lds" of a timespec. */
export function timespec(ns: number): string {
  const whole = Math.round(ns);
  return `${Math.floor(whole / 1e9)}.${String(whole % 1e9).padStart(9, '0')}s`;
}
