// What the owner of a guest notices of a post-copy migration: how long an access waits, how much of the time the guest runs, and when it is itself again.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount, formatNs } from '../units.js';
import type { Answer, AnswerValue, Question } from './question.js';
import { type Configuration, configurationsOf, spreadOf, userfaultCells, vcpusOf } from './userfault-cells.js';

export const CUSTOMER: Question = {
  id: 'question-customer',
  title: 'What does a customer see of a post-copy migration?',
  asked: 'The post is about lock contention; who owns the guest sees stalls, and waits for its normal speed.',
  command: 'mmulab run post-copy',
  answer,
};

/** How the table's columns are called, and the metrics that they show. */
const STALLS = { p50: 'stall_p50', p99: 'stall_p99', 'p99.9': 'stall_p999', longest: 'stall_max' };
const SPEEDS = { '50 % speed after': 'time_to_50_percent', '90 % speed after': 'time_to_90_percent', '99 % speed after': 'time_to_99_percent' };
/** What a narrow terminal shows of them. */
const MAJOR = ['p99', 'longest', '90 % speed after'];

/** Of guests that compute between their accesses, where some were run: only those have a speed of their own to come back to. */
function answer(records: readonly ResultRecord[]): Answer | undefined {
  const busy = records.filter(({ options }) => typeof options.computeNs === 'number' && options.computeNs > 0);
  const cells = userfaultCells(busy.length > 0 ? busy : records, { suite: 'post-copy' });
  const shown = cells.filter((record) => [...Object.values(STALLS), ...Object.values(SPEEDS)].some((metric) => spreadOf(record, metric, 'ns') !== undefined));
  if (shown.length === 0) return undefined;
  const configurations = configurationsOf(shown);
  const times = (names: object) => Object.keys(names).map((name) => ({ name, measure: 'ns' as const, isMinor: !MAJOR.includes(name) }));
  return {
    sentence: sentenceOf(configurations),
    columns: [
      { name: 'configuration', measure: 'text' },
      { name: 'vCPUs', measure: 'count' },
      { name: 'stalls per vCPU', measure: 'count', isMinor: true },
      ...times(STALLS),
      { name: 'time running', measure: 'share' },
      ...times(SPEEDS),
    ],
    rows: configurations.flatMap((one) => vcpusOf([...one.cells.values()]).map((vcpus) => rowOf(one, vcpus))),
    records: cells,
  };
}

function rowOf({ name, cells }: Configuration, vcpus: number): AnswerValue[] {
  const record = cells.get(vcpus);
  const times = (names: object) => Object.values(names).map((metric: string) => spreadOf(record, metric, 'ns'));
  return [name, vcpus, stallsPerVcpu(record, vcpus), ...times(STALLS), spreadOf(record, 'running_share', 'ratio'), ...times(SPEEDS)];
}

/** `undefined` where the record has no stalls: that says nothing about their number. */
function stallsPerVcpu(record: ResultRecord | undefined, vcpus: number): number | undefined {
  if (record === undefined || record.stalls.length === 0 || !(vcpus > 0)) return undefined;
  return record.stalls.reduce((sum, { count }) => sum + count, 0) / vcpus;
}

/** Of the most vCPUs that more than one configuration was run with. */
function sentenceOf(configurations: readonly Configuration[]): string {
  const counts = [...new Set(configurations.flatMap(({ cells }) => [...cells.keys()]))].sort((a, b) => b - a);
  const ranWith = (vcpus: number) => configurations.filter(({ cells }) => cells.has(vcpus));
  const vcpus = counts.find((one) => ranWith(one).length > 1) ?? counts[0];
  const parts = ranWith(vcpus).map(({ name, cells }) => {
    const [longest, normal] = [STALLS.longest, SPEEDS['90 % speed after']].map((metric) => spreadOf(cells.get(vcpus), metric, 'ns')?.value);
    const back = normal === undefined ? 'does not say when it is back at 90 % of its speed' : `is back at 90 % of its speed after ${formatNs(normal)}`;
    return `with ${name} the guest ${back}${longest === undefined ? '' : ` and has waited up to ${formatNs(longest)} for one access`}`;
  });
  return `At ${formatCount(vcpus)} vCPUs, ${parts.join('; ')}.`;
}
