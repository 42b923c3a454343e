// A question that was asked in a thread, answered by numbers of a results file: one small table, and one sentence made from it.

import type { ResultRecord } from '../../bench/results/index.js';

/** How a column's values print. Times are nanoseconds, ratios plain numbers. */
export type Measure = 'text' | 'ns' | 'ratio' | 'bytes' | 'count';

export interface AnswerColumn {
  name: string;
  measure: Measure;
  /** May be left out where a terminal is too narrow: the sentence or other columns say it too. */
  isMinor?: boolean;
}

/** A value of the column's measure; `undefined` where there is no record, or no number above zero in it. */
export type AnswerValue = string | number | undefined;

/** Lines over logarithmic axes: nanoseconds by a count. */
export interface AnswerChart {
  xTitle: string;
  lines: { name: string; color: number; points: { x: number; ns: number }[] }[];
}

/** What the numbers say. */
export interface Answer {
  /** Made from the numbers, ends with a full stop. */
  sentence: string;
  columns: AnswerColumn[];
  rows: AnswerValue[][];
  chart?: AnswerChart;
  /** The records that the numbers come from. */
  records: ResultRecord[];
}

export interface Question {
  /** For anchors; unique over all posts. */
  id: string;
  title: string;
  /** Who asked, and in which words. */
  asked: string;
  /** Makes the cells; absent where no cell is needed. */
  command?: string;
  /** `undefined` when the cells are not there. */
  answer(records: readonly ResultRecord[]): Answer | undefined;
}
