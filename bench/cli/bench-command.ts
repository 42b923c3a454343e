// `mmulab bench structures`: microbenchmarks of the memslot structures on this machine, printed and drawn.

import { UsageError } from '../errors.js';
import { BENCH_FORMATS, type BenchFormat, benchStructures, renderBench } from '../micro/index.js';
import { checkWritable } from '../results/index.js';
import { findProvenance } from '../run/index.js';
import { choiceItem, countItem, parseList, parseOne } from '../suites/index.js';
import { closest } from './closest.js';
import { writeStructuresChart } from './reports-door.js';

const DEFAULT_SIZES = '10,100,1000,10000,32764,1000000';
const SMOKE_SIZES = '10,100,300';
const SIZE_MAX = 1_000_000;
const PASSES = 31;
const SMOKE_PASSES = 2;
const BENCHES = ['structures'];

/** commander's options. */
export interface BenchFlags {
  sizes?: string;
  format: string;
  chart?: string;
  smoke?: boolean;
  quiet?: boolean;
}

/** Measures, prints the tables, draws the chart. Throws a `UsageError` before anything runs. */
export async function benchCommand(name: string, flags: BenchFlags): Promise<void> {
  if (!BENCHES.includes(name)) throw new UsageError(`Cannot bench ${JSON.stringify(name)}: no such benchmark, expected structures${hint(name)}`);
  const format = parseOne('--format', flags.format, choiceItem<BenchFormat>(BENCH_FORMATS, { md: 'markdown' }));
  const sizes = parseList('--sizes', flags.sizes ?? (flags.smoke ? SMOKE_SIZES : DEFAULT_SIZES), countItem(10, SIZE_MAX)).sort((a, b) => a - b);
  if (flags.chart !== undefined) {
    if (!flags.chart.endsWith('.svg'))
      throw new UsageError(`Cannot use --chart: current ${JSON.stringify(flags.chart)}, expected a file name that ends in .svg`);
    checkWritable(flags.chart, 'chart');
  }
  const note = (line: string): void => void (flags.quiet === true || process.stderr.write(`${line}\n`));
  let done = 0;
  const measured = await benchStructures({
    sizes,
    passes: flags.smoke ? SMOKE_PASSES : PASSES,
    onSize: (n, seconds) => note(`[${++done}/${sizes.length}] ${n} memslots: ${seconds.toFixed(1)} s`),
    onNote: note,
  });
  const { cpu, node } = findProvenance().host;
  process.stdout.write(renderBench(measured, format, { cpu, node }));
  if (flags.chart === undefined) return;
  await writeStructuresChart(
    flags.chart,
    measured.map(({ operation, structure, n, ns }) => ({ operation, structure, n, ns: ns.median })),
  );
  note(`Chart: ${flags.chart}`);
}

function hint(name: string): string {
  const near = closest(name, BENCHES);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
