// The three takeaways of the KVM Userfault post as statements about its numbers, each checked on what was published and on what was simulated.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatRatio } from '../units.js';
import { quotient } from './memslot-cells.js';
import type { Answer, AnswerValue, ComparedNumber, Question } from './question.js';

export const TAKEAWAYS: Question = {
  id: 'question-takeaways',
  title: "Do the post's three takeaways hold?",
  asked:
    'The post: without lock contention KVM Userfault wins, since it saves the trip through poll, read and wake; one userfaultfd gets slow with vCPUs, and slower ' +
    'with more readers; several userfaultfds are much faster, since their queues are sharded.',
  command: 'mmulab run demand-paging',
  answer: (_, compared = []) => answer(compared),
};

const SINGLE_READER = ' (single reader)';
const WITH_KVM = ' + KVM UF';

const TAKEAWAY = {
  uncontended: 'KVM UF wins without contention',
  shared: 'one userfaultfd gets slow with vCPUs, and slower with more readers',
  sharded: 'sharded userfaultfds scale',
} as const;

/** One comparison of one table: a ratio that is above 1 where the takeaway holds. */
interface Check {
  takeaway: Takeaway;
  /** In a few words, for the table. */
  statement: string;
  table: string;
  comparison: string;
  /** Reads the numbers of one kind, published or simulated. */
  ratio(kind: Kind): number | undefined;
}

type Takeaway = (typeof TAKEAWAY)[keyof typeof TAKEAWAY];
type Kind = 'published' | 'simulated';
type Fields = ComparedNumber['fields'];

/** The places of one published table. */
interface Table {
  name: string;
  fields: Fields;
  vcpus: number[];
  modes: string[];
  at(where: { mode: string; vcpus: number }, kind: Kind): number | undefined;
}

function answer(compared: readonly ComparedNumber[]): Answer | undefined {
  const tables = tablesOf(compared);
  const checks = [
    ...tables.flatMap(withoutContention),
    ...tables.flatMap(withVcpus),
    ...tables.flatMap(withReaders),
    ...tables.flatMap((one) => sharded(one, tables)),
  ];
  const rows = checks.map((check): CheckedRow => ({ check, published: check.ratio('published'), simulated: check.ratio('simulated') }));
  const shown = rows.filter(({ simulated }) => simulated !== undefined);
  if (shown.length === 0) return undefined;
  const used = compared.flatMap(({ record }) => record ?? []);
  return {
    sentence: sentenceOf(rows),
    columns: [
      { name: 'statement', measure: 'text' },
      { name: 'table', measure: 'text' },
      { name: 'above 1 where it holds', measure: 'text', isMinor: true },
      { name: 'published', measure: 'ratio' },
      { name: 'simulated', measure: 'ratio' },
      { name: 'holds', measure: 'text' },
    ],
    rows: shown.map(({ check, published, simulated }): AnswerValue[] => [
      check.statement,
      check.table,
      check.comparison,
      published,
      simulated,
      holdsText(published, simulated),
    ]),
    records: [...new Set<ResultRecord>(used)],
  };
}

function tablesOf(compared: readonly ComparedNumber[]): Table[] {
  const nameOf = ({ arch, memory, userfaultfds }: Fields) => `${arch} ${memory}, ${userfaultfds}`;
  return [...new Set(compared.map(({ fields }) => nameOf(fields)))].map((name) => {
    const own = compared.filter(({ fields }) => nameOf(fields) === name);
    return {
      name,
      fields: own[0].fields,
      vcpus: [...new Set(own.map(({ fields }) => Number(fields.vcpus)))].sort((a, b) => a - b),
      modes: [...new Set(own.map(({ fields }) => fields.mode))],
      at: ({ mode, vcpus }, kind) => own.find(({ fields }) => fields.mode === mode && Number(fields.vcpus) === vcpus)?.[kind],
    };
  });
}

/** The table's modes that fetch by userfaultfd alone. */
function uffdModes({ modes }: Table): string[] {
  return modes.filter((mode) => mode.startsWith('MI') && !mode.endsWith(WITH_KVM));
}

/** With the fewest vCPUs, against the best that userfaultfd alone can do. */
function withoutContention(table: Table): Check[] {
  const [vcpus] = table.vcpus;
  const withKvm = table.modes.find((mode) => mode.endsWith(WITH_KVM));
  if (withKvm === undefined) return [];
  return [
    {
      takeaway: TAKEAWAY.uncontended,
      statement: 'KVM UF wins uncontended',
      table: table.name,
      comparison: `${withKvm} / the best of ${uffdModes(table).join(', ')}, at ${vcpus} vCPUs`,
      ratio: (kind) => quotient(table.at({ mode: withKvm, vcpus }, kind), largest(uffdModes(table).map((mode) => table.at({ mode, vcpus }, kind)))),
    },
  ];
}

/** Everything gets slower with vCPUs; one userfaultfd does so more than KVM Userfault. */
function withVcpus(table: Table): Check[] {
  if (table.fields.userfaultfds !== 'single') return [];
  const [few, many] = ends(table);
  const slowdown = (mode: string, kind: Kind) => quotient(table.at({ mode, vcpus: few }, kind), table.at({ mode, vcpus: many }, kind));
  return uffdModes(table).map((mode) => ({
    takeaway: TAKEAWAY.shared,
    statement: `${mode.endsWith(SINGLE_READER) ? 'one reader slows' : 'readers slow'} with vCPUs`,
    table: table.name,
    comparison: `slowdown of ${mode} / slowdown of KVM UF, from ${few} to ${many} vCPUs`,
    ratio: (kind) => quotient(slowdown(mode, kind), slowdown('KVM UF', kind)),
  }));
}

function withReaders(table: Table): Check[] {
  const single = table.modes.find((mode) => mode.endsWith(SINGLE_READER));
  if (single === undefined) return [];
  const [, vcpus] = ends(table);
  const mode = single.slice(0, -SINGLE_READER.length);
  return [
    {
      takeaway: TAKEAWAY.shared,
      statement: 'more readers are slower',
      table: table.name,
      comparison: `${single} / ${mode}, at ${vcpus} vCPUs`,
      ratio: (kind) => quotient(table.at({ mode: single, vcpus }, kind), table.at({ mode, vcpus }, kind)),
    },
  ];
}

/** Against the best that one userfaultfd does, and whether more vCPUs get more pages together. */
function sharded(table: Table, tables: readonly Table[]): Check[] {
  const { arch, memory, userfaultfds } = table.fields;
  const [mode] = uffdModes(table);
  const single = tables.find(({ fields }) => fields.arch === arch && fields.memory === memory && fields.userfaultfds === 'single');
  if (userfaultfds !== 'multiple' || single === undefined || mode === undefined) return [];
  const [few, many] = ends(table);
  const takeaway = TAKEAWAY.sharded;
  const alone = (kind: Kind) => largest(uffdModes(single).map((one) => single.at({ mode: one, vcpus: many }, kind)));
  return [
    {
      takeaway,
      statement: 'sharded beat one uffd',
      table: table.name,
      comparison: `${mode} with several userfaultfds / the best with one, at ${many} vCPUs`,
      ratio: (kind) => quotient(table.at({ mode, vcpus: many }, kind), alone(kind)),
    },
    {
      takeaway,
      statement: 'sharded grow with vCPUs',
      table: table.name,
      comparison: `pages a second of all ${many} vCPUs / those of ${few}, ${mode}`,
      ratio: (kind) => quotient(times(table.at({ mode, vcpus: many }, kind), many), times(table.at({ mode, vcpus: few }, kind), few)),
    },
  ];
}

function ends({ vcpus }: Table): [number, number] {
  return [vcpus[0], vcpus[vcpus.length - 1]];
}

function times(value: number | undefined, count: number): number | undefined {
  return value === undefined ? undefined : value * count;
}

/** `undefined` unless all are there: the best of a part is not the best. */
function largest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.flatMap((value) => value ?? []);
  return known.length === values.length && known.length > 0 ? Math.max(...known) : undefined;
}

function holdsText(published: number | undefined, simulated: number | undefined): string {
  const text = (ratio: number | undefined) => (ratio === undefined ? '-' : ratio > 1 ? 'yes' : 'no');
  return text(published) === text(simulated) ? text(simulated) : `${text(simulated)} (published: ${text(published)})`;
}

interface CheckedRow {
  check: Check;
  published?: number;
  simulated?: number;
}

/** "KVM UF wins without contention: holds 5 times of 5, by 1.53 to 1.63; ..." */
function sentenceOf(rows: readonly CheckedRow[]): string {
  const parts = [...new Set(rows.map(({ check }) => check.takeaway))].map((takeaway) => {
    const own = rows.filter(({ check }) => check.takeaway === takeaway);
    const ratios = own.flatMap(({ simulated }) => simulated ?? []);
    const missing = own.length === ratios.length ? '' : `, ${own.length - ratios.length} not simulated`;
    if (ratios.length === 0) return `${takeaway}: not simulated`;
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)].map(formatRatio);
    const range = low === high ? low : `${low} to ${high}`;
    return `${takeaway}: ${ratios.filter((ratio) => ratio > 1).length} of ${ratios.length} ratios are above 1 (${range}${missing})`;
  });
  return `${parts.join('; ')}.`;
}
