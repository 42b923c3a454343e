// Cells that were run with another cost of the machine (--set), each beside the same cell on the machine as it is: what do the numbers owe to one cost?

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount, formatRatio } from '../units.js';
import { quotient } from './memslot-cells.js';
import type { Answer, AnswerValue, Question, Spread } from './question.js';
import { configurationName, spreadOf } from './userfault-cells.js';

export const ABLATION: Question = {
  id: 'question-ablation',
  title: 'What if one cost of the machine were another?',
  asked: 'A what-if needs no code: an override changes one cost, and scaling changes with it where that cost is what limits.',
  command: 'mmulab run demand-paging --set wakeup=-50%',
  answer,
};

/** The number of each suite that is compared. */
const RATES: Readonly<Record<string, string>> = { 'demand-paging': 'per_vcpu_demand_paging_rate', 'post-copy': 'pages_per_second' };

interface Line {
  record: ResultRecord;
  twin: ResultRecord;
  asIs: Spread;
  changed: Spread;
  ratio: number;
}

function answer(records: readonly ResultRecord[]): Answer | undefined {
  const lines = records.flatMap((record) => lineOf(record, records));
  if (lines.length === 0) return undefined;
  lines.sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
  return {
    sentence: sentenceOf(lines),
    columns: [
      { name: 'changed', measure: 'text' },
      { name: 'suite', measure: 'text', isMinor: true },
      { name: 'profile', measure: 'text', isMinor: true },
      { name: 'memory', measure: 'text' },
      { name: 'configuration', measure: 'text' },
      { name: 'vCPUs', measure: 'count' },
      { name: 'as it is', measure: 'per_s' },
      { name: 'changed to', measure: 'per_s' },
      { name: 'ratio', measure: 'ratio' },
    ],
    rows: lines.map(({ record, asIs, changed, ratio }): AnswerValue[] => [
      record.profile.overrides.join(', '),
      record.suite,
      record.profile.name,
      String(record.options.backing),
      configurationName(record.options),
      Number(record.options.vcpus),
      asIs,
      changed,
      ratio,
    ]),
    records: lines.map(({ record }) => record),
  };
}

function lineOf(record: ResultRecord, records: readonly ResultRecord[]): Line[] {
  const { suite, engine, profile } = record;
  if (!Object.hasOwn(RATES, suite) || engine !== 'virtual' || profile.overrides.length === 0) return [];
  const twin = records.find((other) => isTwin(other, record));
  const [asIs, changed] = [twin, record].map((one) => spreadOf(one, RATES[suite], 'per_s'));
  const ratio = quotient(changed?.value, asIs?.value);
  if (twin === undefined || asIs === undefined || changed === undefined || ratio === undefined || !Number.isFinite(ratio)) return [];
  return [{ record, twin, asIs, changed, ratio }];
}

/** The same cell without overrides. */
function isTwin(other: ResultRecord, { suite, engine, profile, options }: ResultRecord): boolean {
  if (other.suite !== suite || other.engine !== engine || other.profile.name !== profile.name || other.profile.overrides.length > 0) return false;
  return Object.keys(options).every((name) => Object.hasOwn(other.options, name) && other.options[name] === options[name]);
}

function keyOf({ record }: Line): (string | number)[] {
  const { suite, profile, options } = record;
  return [profile.overrides.join(), suite, profile.name, String(options.backing), configurationName(options), Number(options.vcpus), record.cell];
}

function compareKeys(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  const index = a.findIndex((one, at) => one !== b[at]);
  return index === -1 ? 0 : a[index] < b[index] ? -1 : 1;
}

/** For each set of overrides, the cell that it changes most. */
function sentenceOf(lines: readonly Line[]): string {
  const parts = [...new Set(lines.map(({ record }) => record.profile.overrides.join(', ')))].map((overrides) => {
    const own = lines.filter(({ record }) => record.profile.overrides.join(', ') === overrides);
    const far = (ratio: number) => Math.max(ratio, 1 / ratio);
    const { record, ratio } = own.reduce((most, one) => (far(one.ratio) > far(most.ratio) ? one : most));
    return `${formatRatio(ratio)} times the rate with ${overrides} (${configurationName(record.options)}, ${formatCount(Number(record.options.vcpus))} vCPUs)`;
  });
  return `Where each override changes most: ${parts.join('; ')}.`;
}
