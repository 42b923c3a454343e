// What a published post is to the report: data that says where its numbers stand and which record answers each of them. Nothing outside of the
// definition files in this folder knows a post by name.

import type { ResultRecord } from '../../bench/results/index.js';
import type { Question } from '../questions/index.js';

/** What the numbers of a post are. */
export interface Quantity {
  /** Unit of the simulated metric; any other is not compared. */
  metricUnit: ResultRecord['metrics'][string]['unit'];
  /** Metric x this = the unit of the published numbers. */
  perMetric: number;
  /** Unit of the published numbers, for captions and CSV. */
  unit: string;
  /** What one number is, for charts: "time". */
  noun: string;
  better: 'smaller' | 'larger';
  /** Units to print in, largest first: size in the published unit, and symbol. */
  scales: readonly (readonly [size: number, symbol: string])[];
}

export const QUANTITIES = {
  /** Published in seconds. */
  time: {
    metricUnit: 'ns',
    perMetric: 1e-9,
    unit: 's',
    noun: 'time',
    better: 'smaller',
    scales: [
      [1, 's'],
      [1e-3, 'ms'],
      [1e-6, 'µs'],
    ],
  },
  /** Published as a number of things a second. */
  rate: {
    metricUnit: 'per_s',
    perMetric: 1,
    unit: '/s',
    noun: 'rate',
    better: 'larger',
    scales: [
      [1e6, 'M/s'],
      [1e3, 'k/s'],
      [1, '/s'],
    ],
  },
} as const satisfies Record<string, Quantity>;

/** Values that columns of the CSV must have, one or any of a list: {"vcpus": 2}, {"slots": [10, 30]}. */
export type Selector = Readonly<Record<string, string | number | readonly (string | number)[]>>;

/** One line of a table. */
export interface RowDefinition {
  /** Value of the CSV's row column. */
  key: string;
  label: string;
  /** Where it stands on a numeric axis; without it the rows are names. */
  x?: number;
}

/** One configuration: published, simulated and ratio stand under its heading. */
export interface ColumnDefinition {
  /** Value of the CSV's column of columns. */
  key: string;
  heading: string;
  /** In a sentence, and in the CSV form: "lazy". */
  name: string;
  /** One of the page's six colours. */
  color: 1 | 2 | 3 | 4 | 5 | 6;
}

/** A number made from the cells of one row, published beside simulated. */
export interface DerivedColumn {
  name: string;
  /** From the row's values by column key; `undefined` where one is not there. */
  compute(values: Readonly<Record<string, number | undefined>>): number | undefined;
  format(value: number): string;
}

/** What one published table shows. */
export interface TableDefinition {
  /** Stable name, for anchors and CSV; unique over all posts. */
  id: string;
  /** Title as published. */
  title: string;
  /** A few words, for navigation. */
  shortName: string;
  /** What tells tables of one title apart. */
  condition: string;
  /** Heading over the first of several tables. */
  group?: string;
  /** The lines of the CSV that stand in this table. */
  where: Selector;
  rowHeading: string;
  /** Follows row labels in a sentence: "vCPUs". */
  rowUnit?: string;
  rows: readonly RowDefinition[];
  columns: readonly ColumnDefinition[];
  /** Print in the published unit throughout, or each row in a unit of its own. */
  scale: 'published' | 'row';
  derived?: DerivedColumn;
  /** The question that the table answers, one sentence. */
  question: string;
  /** What to look for in the numbers, one sentence. */
  reading: string;
  /** What the simulation leaves out that may matter for this table, one sentence. */
  leavesOut: string;
}

/** What a profile that claims to reproduce a post must keep: geometric-mean errors, and how far one cell may be off in either direction. */
export interface FidelityLimits {
  /** Of all cells together; absent where each part has its own. */
  all?: number;
  worst: number;
  /** Cells that have a limit of their own. */
  subsets: readonly { name: string; limit: number; where: Selector }[];
}

/** The option by which cells of one suite are compared side by side. */
export interface Arms {
  option: string;
  /** In the order in which they stand, and by which they take the page's colours; the first is what the others are compared with. */
  values: readonly string[];
}

/** One published number, or a place of a published table for which the post has none. */
export interface PublishedCell {
  /** Ids and keys of the post's definition. */
  table: string;
  row: string;
  column: string;
  /** In the post's unit, above zero; absent where the post measured nothing. */
  value?: number;
  /** Name of the metric in mmulab's results. */
  metric: string;
  /** Its line of the CSV, by column. */
  fields: Readonly<Record<string, string>>;
}

/** A published set of tables. */
export interface PublishedPost {
  /** Names `reports/published/<id>.csv` and `<id>.fit.json`. */
  id: string;
  author: string;
  title: string;
  date: string;
  messageId?: string;
  /** Where else the numbers stand: "and his reply of 7 March 2022". */
  alsoIn?: string;
  host: string;
  /** The program and its settings, one sentence. */
  method: string;
  /** A few words, for navigation. */
  shortName: string;
  heading: string;
  /** What the post is about, two or three sentences. */
  lead: string;
  suite: string;
  /** Other suites that its questions need; their cells are compared by the same arms. */
  relatedSuites?: readonly string[];
  arms: Arms;
  quantity: Quantity;
  limits: FidelityLimits;
  csv: { columns: readonly string[]; row: string; column: string; value: string };
  /** Lines, without the value, that stand in a table but were not measured. */
  unmeasured?: readonly Readonly<Record<string, string>>[];
  tables: readonly TableDefinition[];
  /** What the page shows first: a row, or the last row that is simulated; of its columns, by key, all or some. */
  headline?: { table: string; row?: string; columns?: readonly string[]; caption(rowLabel: string): string };
  metricOf(fields: Readonly<Record<string, string>>): string;
  /** Options that differ between cells of one setup; all others must agree over the records that a comparison uses. */
  dimensions: readonly string[];
  /** Whether a record was run the way the post's cells were, whatever its dimensions. Suite, engine and profile are checked before. */
  isShape(options: ResultRecord['options']): boolean;
  /** Whether a record of that shape is the run of this cell. */
  answers(options: ResultRecord['options'], fields: Readonly<Record<string, string>>): boolean;
  /** Of several records that answer a cell, the one with the largest number is taken; absent where one is as good as another. */
  preference?(options: ResultRecord['options'], fields: Readonly<Record<string, string>>): number;
  /** Name of the machine profile that stands for the host of a cell, where a post has several hosts: records of no other answer it. */
  profileOf?(fields: Readonly<Record<string, string>>): string;
  /** What the thread asked beyond its tables. */
  questions: readonly Question[];
}
