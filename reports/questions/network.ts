// A question about the network: with pages that take tens of microseconds to come, from how many vCPUs on is it the locks that a vCPU waits for?
// What a stall has beyond the network's latency is compared with that latency; nothing but the records' own options says how long it is.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount, formatNs } from '../units.js';
import type { Answer, AnswerValue, ChartLine, Question } from './question.js';
import { type Configuration, configurationsOf, linesOf, spreadOf, userfaultCells, vcpusOf } from './userfault-cells.js';

type Options = ResultRecord['options'];

const ASKED =
  'The post: this matters "when scaling up to hundreds of vCPUs with ~30us network latency"; asked later: from how many vCPUs on does contention show beside such a network?';

export const CONTENTION: Question = {
  id: 'question-contention',
  title: 'At how many vCPUs does lock contention overtake the network?',
  asked: ASKED,
  command: 'mmulab run post-copy',
  answer: answerContention,
};

export const PAGES_PER_SECOND: Question = {
  id: 'question-pages-per-second',
  title: 'How many pages a second come in, with which way to fetch them?',
  asked: ASKED,
  command: 'mmulab run post-copy',
  answer: answerRate,
};

/** Mean time that the network takes for one page, without its transfer: nanoseconds. */
export function networkNs({ latencyNs, jitter, jitterPercent }: Options): number {
  const base = typeof latencyNs === 'number' ? latencyNs : 0;
  return base * (1 + (jitter !== undefined && jitter !== 'none' && typeof jitterPercent === 'number' ? jitterPercent / 100 : 0));
}

function answerContention(records: readonly ResultRecord[]): Answer | undefined {
  const cells = userfaultCells(
    records.filter(({ options }) => networkNs(options) > 0),
    { suite: 'post-copy' },
  );
  const twins = twinsOf(cells, records);
  const network = cells.length === 0 ? 0 : networkNs(cells[0].options);
  const configurations = configurationsOf(cells);
  const lines = [
    ...linesOf(configurations, (record) => spreadOf(record, 'stall_p50', 'ns')?.value),
    ...linesOf(configurations, (record) => spreadOf(record, 'stall_p99', 'ns')?.value).map((line): ChartLine => ({ ...line, isDashed: true })),
  ];
  if (!(network > 0) || lines.length === 0) return undefined;
  return {
    sentence: crossingText(configurations, { network, twins }),
    columns: [
      { name: 'configuration', measure: 'text' },
      { name: 'vCPUs', measure: 'count' },
      { name: 'median stall', measure: 'ns' },
      { name: 'beyond the network', measure: 'ns' },
      { name: 'of the latency', measure: 'ratio' },
      { name: '99th percentile', measure: 'ns', isMinor: true },
      { name: 'lock waits per stall', measure: 'ns' },
      { name: 'median without network', measure: 'ns', isMinor: true },
    ],
    rows: configurations.flatMap((one) => vcpusOf([...one.cells.values()]).map((vcpus) => contentionRow(one, { vcpus, network, twins }))),
    chart: {
      xTitle: 'vCPUs',
      unit: 'ns',
      lines,
      strokes: { solid: 'median', dashed: '99th percentile' },
      levels: [{ name: `the network alone, ${formatNs(network)}`, value: network }],
    },
    records: [...cells, ...twins.values()],
  };
}

/** The same cells without a network, by the cell that they are the same as: with nothing to wait for but each other. */
type Twins = ReadonlyMap<ResultRecord, ResultRecord>;

const NETWORK_OPTIONS = ['latencyNs', 'jitter', 'jitterPercent'];

function twinsOf(cells: readonly ResultRecord[], records: readonly ResultRecord[]): Twins {
  const keyOf = ({ options, profile }: ResultRecord) =>
    JSON.stringify([
      profile,
      Object.entries(options)
        .filter(([name]) => !NETWORK_OPTIONS.includes(name))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ]);
  const without = records.filter(({ suite, engine, options }) => suite === 'post-copy' && engine === 'virtual' && options.latencyNs === 0);
  const byKey = new Map(without.map((record) => [keyOf(record), record]));
  return new Map(
    cells.flatMap((cell): [ResultRecord, ResultRecord][] => {
      const twin = byKey.get(keyOf(cell));
      return twin === undefined ? [] : [[cell, twin]];
    }),
  );
}

function twinIn(twins: Twins, record: ResultRecord | undefined): ResultRecord | undefined {
  return record === undefined ? undefined : twins.get(record);
}

function contentionRow({ name, cells }: Configuration, { vcpus, network, twins }: { vcpus: number; network: number; twins: Twins }): AnswerValue[] {
  const record = cells.get(vcpus);
  const [median, tail] = ['stall_p50', 'stall_p99'].map((metric) => spreadOf(record, metric, 'ns'));
  const beyond = median === undefined ? undefined : Math.max(0, median.value - network);
  return [
    name,
    vcpus,
    median,
    beyond,
    beyond === undefined ? undefined : beyond / network,
    tail,
    lockWaitNs(record),
    spreadOf(twinIn(twins, record), 'stall_p50', 'ns'),
  ];
}

/** Time that all threads waited for locks, for each stall; `undefined` where the record counts none of them. */
function lockWaitNs(record: ResultRecord | undefined): number | undefined {
  if (record === undefined || record.locks.length === 0) return undefined;
  const stalls = record.stalls.reduce((sum, { count }) => sum + count, 0);
  return stalls === 0 ? undefined : record.locks.reduce((sum, { waitNsTotal }) => sum + waitNsTotal, 0) / stalls;
}

/**
 * Where each configuration crosses the network: by the waits for locks alone, by its stalls where there is no network, and by what the median stall and
 * the 99th percentile have beyond the network. The last two include queues: a single reader that waits for the network holds up others without any lock.
 */
function crossingText(configurations: readonly Configuration[], { network, twins }: { network: number; twins: Twins }): string {
  const beyond = (metric: string) => (record: ResultRecord) => {
    const stall = spreadOf(record, metric, 'ns');
    return stall === undefined ? undefined : stall.value - network;
  };
  const texts = (
    [
      ['Waits for locks, of all threads for each stall, become', lockWaitNs],
      ['A median stall without any network becomes', (record: ResultRecord) => spreadOf(twins.get(record), 'stall_p50', 'ns')?.value],
      ['The rest of a median stall (locks, queues and work) becomes', beyond('stall_p50')],
      ['The rest of the 99th percentile becomes', beyond('stall_p99')],
    ] as const
  ).flatMap(([what, pick]) => {
    const crossings = configurations.map((one) => ({ name: one.name, where: crossingOf(one, { pick, network }) })).filter(({ where }) => where !== '');
    const groups = [...new Set(crossings.map(({ where }) => where))].map((where) => {
      const names = crossings.filter((one) => one.where === where).map(({ name }) => name);
      return `with ${names.join(' and ')} ${where}`;
    });
    return groups.length === 0 ? [] : [`${what} longer than the ${formatNs(network)} of the network ${groups.join('; ')}.`];
  });
  return texts.join(' ');
}

type PickNs = (record: ResultRecord) => number | undefined;

/** The first vCPU count at which the value is longer than the network, and the one before it: "between 8 and 16 vCPUs (about 11)"; empty without a value. */
function crossingOf({ cells }: Configuration, { pick, network }: { pick: PickNs; network: number }): string {
  const points = [...cells]
    .flatMap(([vcpus, record]): Point[] => {
      const rest = pick(record);
      return rest === undefined ? [] : [{ vcpus, rest }];
    })
    .sort((a, b) => a.vcpus - b.vcpus);
  if (points.length === 0) return '';
  const index = points.findIndex(({ rest }) => rest > network);
  if (index === -1) return `not up to ${vcpusText(points[points.length - 1].vcpus)}`;
  if (index === 0) return `at ${vcpusText(points[0].vcpus)} already`;
  const [before, after] = [points[index - 1], points[index]];
  return `between ${formatCount(before.vcpus)} and ${vcpusText(after.vcpus)}${aboutText(before, after, network)}`;
}

function vcpusText(vcpus: number): string {
  return `${formatCount(vcpus)} ${vcpus === 1 ? 'vCPU' : 'vCPUs'}`;
}

interface Point {
  vcpus: number;
  rest: number;
}

/** Where a line between the two points, on logarithmic axes, meets the network; nothing where there is no such line or no count between them. */
function aboutText(before: Point, after: Point, network: number): string {
  if (!(before.rest > 0) || after.vcpus - before.vcpus < 2) return '';
  const share = Math.log(network / before.rest) / Math.log(after.rest / before.rest);
  return ` (about ${formatCount(Math.round(before.vcpus * (after.vcpus / before.vcpus) ** share))})`;
}

function answerRate(records: readonly ResultRecord[]): Answer | undefined {
  const cells = userfaultCells(records, { suite: 'post-copy' });
  const configurations = configurationsOf(cells);
  const rateOf = (record: ResultRecord | undefined) => spreadOf(record, 'pages_per_second', 'per_s');
  const lines = linesOf(configurations, (record) => rateOf(record)?.value);
  if (lines.length === 0) return undefined;
  const best = configurations.flatMap(({ name, cells: own }) => {
    const rates = [...own].flatMap(([vcpus, record]) => ({ vcpus, rate: rateOf(record)?.value ?? 0 }));
    const top = rates.sort((a, b) => b.rate - a.rate || a.vcpus - b.vcpus)[0];
    return top.rate > 0 ? [`${formatCount(Math.round(top.rate))}/s at ${formatCount(top.vcpus)} vCPUs with ${name}`] : [];
  });
  return {
    sentence: `The most that all vCPUs together get: ${best.join(', ')}.`,
    columns: [{ name: 'vCPUs', measure: 'count' }, ...configurations.map(({ name, isMinor }) => ({ name, measure: 'per_s' as const, isMinor }))],
    rows: vcpusOf(cells).map((vcpus): AnswerValue[] => [vcpus, ...configurations.map((one) => rateOf(one.cells.get(vcpus)))]),
    chart: { xTitle: 'vCPUs', unit: 'per_s', lines },
    records: cells,
  };
}
