// How the rate of one vCPU goes on where the tables of the post end: a chart and a table for each host and kind of memory.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount, formatRatio } from '../units.js';
import type { Answer, AnswerValue, ComparedNumber, Question } from './question.js';
import { type Configuration, configurationsOf, isPreallocated, linesOf, spreadOf, USERFAULT_PROFILES, userfaultCells, vcpusOf } from './userfault-cells.js';

const METRIC = 'per_vcpu_demand_paging_rate';

interface Place {
  arch: keyof typeof USERFAULT_PROFILES;
  backing: 'anonymous' | 'shmem';
}

/** One question for each host and kind of memory of the post. */
export const DEMAND_PAGING_GROWTH: readonly Question[] = [
  growthOf({ arch: 'x86', backing: 'anonymous' }),
  growthOf({ arch: 'x86', backing: 'shmem' }),
  growthOf({ arch: 'arm64', backing: 'shmem' }),
];

function growthOf({ arch, backing }: Place): Question {
  const profile = USERFAULT_PROFILES[arch];
  return {
    id: `growth-demand-paging-${arch}-${backing}`,
    title: `How does it go on beyond 64 vCPUs (${arch}, ${backing})?`,
    asked: 'The post: KVM Userfault matters "when scaling up to hundreds of vCPUs"; its tables end at 64.',
    command: `mmulab run demand-paging --profile ${profile} -s ${backing} -u none,${backing === 'shmem' ? 'MINOR' : 'MISSING'} -a Y,N -r 1,per-vcpu -k Y,N -v 2..512*2 -b 1M`,
    answer: (records, compared) => answer(cellsOf(records, { profile, backing }), compared ?? []),
  };
}

function cellsOf(records: readonly ResultRecord[], { profile, backing }: { profile: string; backing: string }): ResultRecord[] {
  const preallocated = records.filter(({ options }) => isPreallocated(options));
  return userfaultCells(preallocated, { suite: 'demand-paging', profile, where: { backing, recovery: 'none' } });
}

/** Only with cells beyond the last row of the tables: without them the tables say it all. */
function answer(cells: readonly ResultRecord[], compared: readonly ComparedNumber[]): Answer | undefined {
  const counts = vcpusOf(cells);
  const published = Math.max(0, ...compared.map(({ fields }) => Number(fields.vcpus)));
  if (counts.length < 2 || counts[counts.length - 1] <= published) return undefined;
  const configurations = configurationsOf(cells);
  const lines = linesOf(configurations, (record) => spreadOf(record, METRIC, 'per_s')?.value);
  if (lines.length === 0) return undefined;
  return {
    sentence: sentenceOf(configurations, published),
    columns: [{ name: 'vCPUs', measure: 'count' }, ...configurations.map(({ name, isMinor }) => ({ name, measure: 'per_s' as const, isMinor }))],
    rows: counts.map((vcpus): AnswerValue[] => [vcpus, ...configurations.map((one) => spreadOf(one.cells.get(vcpus), METRIC, 'per_s'))]),
    chart: { xTitle: 'vCPUs', unit: 'per_s', lines },
    records: [...cells],
  };
}

/** "From 64 to 512 vCPUs the rate of one vCPU falls 2.00 times with KVM UF (all together: 4.00 times the pages), ...": from the last row of the tables on. */
function sentenceOf(configurations: readonly Configuration[], published: number): string {
  const ranges = new Map<string, string[]>();
  for (const { name, cells } of configurations) {
    const counts = [...cells.keys()].sort((a, b) => a - b);
    const from = counts.filter((vcpus) => vcpus <= published).at(-1) ?? counts[0];
    const to = counts[counts.length - 1];
    const [first, last] = [from, to].map((vcpus) => spreadOf(cells.get(vcpus), METRIC, 'per_s')?.value ?? 0);
    if (from === to || !(first > 0 && last > 0)) continue;
    const range = `From ${formatCount(from)} to ${formatCount(to)} vCPUs`;
    const text = `${formatRatio(first / last)} times with ${name} (all together: ${formatRatio((last * to) / (first * from))} times the pages)`;
    ranges.set(range, [...(ranges.get(range) ?? []), text]);
  }
  return [...ranges].map(([range, texts]) => `${range} the rate of one vCPU falls ${texts.join(', ')}.`).join(' ');
}
