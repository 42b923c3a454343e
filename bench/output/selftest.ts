// Results as the selftests print them, line for line, for those who have scripts that read their output. A suite that has a selftest adds one file
// like selftest-memslots.ts, and one line here.

import { UsageError } from '../errors.js';
import type { ResultRecord } from '../results/index.js';
import { demandPagingPrinter } from './selftest-demand-paging.js';
import { memslotsPrinter } from './selftest-memslots.js';
import type { SelftestPrinter } from './selftest-printer.js';

const PRINTERS: readonly SelftestPrinter[] = [memslotsPrinter, demandPagingPrinter];

/** Throws a `UsageError` when none of these suites is printed by a selftest. */
export function checkSelftestSuites(names: readonly string[]): void {
  if (PRINTERS.some(({ suite }) => names.includes(suite))) return;
  throw new UsageError(`Cannot print ${names.join(', ')} with --format selftest: expected ${PRINTERS.map(({ suite }) => suite).join(', ')}`);
}

/**
 * The output of one run of its selftest for each configuration that the records have, under a line that names it where there are several.
 * `note` hears of records that no selftest has lines for. Throws a `UsageError` when no record has any.
 */
export function renderSelftest(records: readonly ResultRecord[], note: (line: string) => void): string {
  checkSelftestSuites([...new Set(records.map(({ suite }) => suite))]);
  const own = PRINTERS.map((printer) => ({ printer, ofSuite: records.filter(({ suite }) => suite === printer.suite) })).filter(
    ({ ofSuite }) => ofSuite.length > 0,
  );
  const programs = own.map(({ printer }) => printer.program).join(', ');
  const groups = own.flatMap(({ printer, ofSuite }) =>
    [...groupsOf(ofSuite.filter(printer.prints), printer)].map(([name, group]) => ({ name, printer, group })),
  );
  if (groups.length === 0) {
    const expected = own.map(({ printer }) => printer.expected).join(', or ');
    throw new UsageError(`Cannot print these results with --format selftest: current nothing that ${programs} prints, expected ${expected}`);
  }
  const others = records.length - groups.reduce((sum, { group }) => sum + group.length, 0);
  if (others > 0) note(`${others} cells are left out: no tests of ${programs}`);
  return groups.map(({ name, printer, group }) => `${groups.length > 1 ? `# ${name}\n` : ''}${printer.render(group)}`).join('\n');
}

/** Records by what one command line of the selftest would have run. */
function groupsOf(records: readonly ResultRecord[], printer: SelftestPrinter): Map<string, ResultRecord[]> {
  const groups = new Map<string, ResultRecord[]>();
  for (const record of [...records].sort((a, b) => printer.order(a) - printer.order(b))) {
    const key = printer.groupOf(record);
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  return groups;
}
