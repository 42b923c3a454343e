// How the cost of a test grows with the memslots, for each structure: a chart over logarithmic axes and its table.

import type { ResultRecord } from '../../bench/results/index.js';
import { formatCount, formatRatio } from '../units.js';
import { AS_PUBLISHED, medianOf, memslotCells, numbersOf, STRUCTURES, structuresOf, timeColumns } from './memslot-cells.js';
import type { Answer, ChartLine, Question } from './question.js';

const ASKED = 'The post: "Making lookup and memslot management operations O(log(n)) brings some performance benefits".';

export const GROWTH_UNMAP = growthOf({ id: 'growth-unmap', title: 'How does unmapping grow with the memslots?', test: 'unmap', metric: 'iteration' });

export const GROWTH_SETUP = growthOf({ id: 'growth-setup', title: 'How does adding all memslots grow with their count?', test: 'setup', metric: 'slot_setup' });

function growthOf({ id, title, test, metric }: { id: string; title: string; test: string; metric: string }): Question {
  return {
    id,
    title,
    asked: ASKED,
    command: `mmulab run memslots --test ${test} --slots 10,100,509,32764 --memslots array,tree,array-hva-tree,btree`,
    answer: (records) => answer(memslotCells(records, { where: { test, ...AS_PUBLISHED } }), metric),
  };
}

function answer(cells: readonly ResultRecord[], metric: string): Answer | undefined {
  const counts = numbersOf(cells, 'slots');
  const timeOf = (memslots: string, slots: number) => medianOf(cells, { metric, where: { memslots, slots } });
  const lines = structuresOf(cells).map((name): ChartLine => {
    const color = (STRUCTURES as readonly string[]).indexOf(name) + 1;
    return { name, color, points: counts.flatMap((x) => pointsAt(x, timeOf(name, x))) };
  });
  const drawn = lines.filter((line) => line.points.length > 1);
  if (drawn.length === 0) return undefined;
  return {
    sentence: growthText(drawn),
    columns: [{ name: 'memslots', measure: 'count' }, ...timeColumns(drawn.map((line) => line.name))],
    rows: counts.map((slots) => [slots, ...drawn.map((line) => timeOf(line.name, slots))]),
    chart: { xTitle: 'memslots', unit: 'ns', lines: drawn },
    records: [...cells],
  };
}

function pointsAt(x: number, ns: number | undefined): ChartLine['points'] {
  return ns === undefined || x <= 0 ? [] : [{ x, value: ns }];
}

/** "From 10 to 32,764 memslots the time grows 72.6 times with array (as the power 0.53 of the count), ...": lines of one range together. */
function growthText(lines: readonly ChartLine[]): string {
  const ranges = new Map<string, string[]>();
  for (const { name, points } of lines) {
    const [first, last] = [points[0], points[points.length - 1]];
    const range = `From ${formatCount(first.x)} to ${formatCount(last.x)} memslots`;
    const power = Math.log(last.value / first.value) / Math.log(last.x / first.x);
    const text = `${formatRatio(last.value / first.value)} times with ${name} (the power ${power.toFixed(2)} of the count)`;
    ranges.set(range, [...(ranges.get(range) ?? []), text]);
  }
  return [...ranges].map(([range, texts]) => `${range} the time grows ${texts.join(', ')}.`).join(' ');
}
