// A question that was asked in a thread, answered by numbers of a results file: one small table, and one sentence made from it.

import type { ResultRecord } from '../../bench/results/index.js';

/** How a column's values print. Times are nanoseconds, ratios plain numbers, rates a number a second, shares from 0 to 1. */
export type Measure = 'text' | 'ns' | 'ratio' | 'bytes' | 'count' | 'per_s' | 'share';

export interface AnswerColumn {
  name: string;
  measure: Measure;
  /** May be left out where a terminal is too narrow: the sentence or other columns say it too. */
  isMinor?: boolean;
}

/** A median with its range over seeds, in the column's measure. */
export interface Spread {
  value: number;
  low: number;
  high: number;
}

/** A value of the column's measure; `undefined` where there is no record, or no number in it. */
export type AnswerValue = string | number | Spread | undefined;

/** One line of a chart. */
export interface ChartLine {
  name: string;
  /** One of the page's six colours; the shape of its marks goes with it. */
  color: number;
  isDashed?: boolean;
  /** Above zero, in the chart's unit. */
  points: { x: number; value: number }[];
}

/** Lines over logarithmic axes: times or rates by a count. */
export interface AnswerChart {
  xTitle: string;
  unit: 'ns' | 'per_s';
  lines: ChartLine[];
  /** What a line says by being solid or dashed; absent where none is dashed. */
  strokes?: { solid: string; dashed: string };
  /** What the lines are to be compared with: drawn from side to side, in the chart's unit. */
  levels?: { name: string; value: number }[];
}

/** One place of the post's tables, as it came out. In the post's unit. */
export interface ComparedNumber {
  /** Its line of the post's CSV, by column. */
  fields: Readonly<Record<string, string>>;
  published?: number;
  simulated?: number;
  record?: ResultRecord;
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
  /** `undefined` when the cells are not there. `compared` has every place of the post's tables. */
  answer(records: readonly ResultRecord[], compared?: readonly ComparedNumber[]): Answer | undefined;
}
