// Charts of published tables. Where rows stand on a number (vCPUs), lines over it; where rows are names (tests), a row of marks for each.

import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, colorScale, isPlottable, logDomain, logTicks, shapeScale, tickLabels } from './chart-look.js';
import { allCells, type ComparisonTable } from './match.js';
import { quantityText } from './phrases.js';

/** Width and height of the plot area of a chart of lines, in CSS pixels. */
const PLOT = { width: 380, height: 250 };
const ROW_HEIGHT = 42;
/** Distance of the marks of two columns within a row of names. */
const COLUMN_OFFSET = 9;

interface Point {
  row: string;
  x?: number;
  column: string;
  /** Position of the column, from 0. */
  index: number;
  value: number;
  source: 'published' | 'simulated';
  /** Grows at each missing number, so that no line is drawn across a gap. */
  run: number;
}

interface Range {
  row: string;
  x?: number;
  column: string;
  index: number;
  low: number;
  high: number;
}

/**
 * Published and simulated numbers of one table, on logarithmic axes. Rings and dashes are published, filled points and broad lines simulated; where
 * there are more columns than two, a mark's shape says its column, and hollow marks are published.
 * A range over seeds is a bar. `undefined` when there is nothing to draw.
 */
export function publishedChart(table: ComparisonTable): TopLevelSpec | undefined {
  const points = pointsOf(table);
  if (points.length === 0) return undefined;
  const marks = { points, ranges: rangesOf(table) };
  return table.definition.rows.every((row) => row.x !== undefined) ? lineChart(table, marks) : rowChart(table, marks);
}

interface Marks {
  points: Point[];
  ranges: Range[];
}

/** Whether colour alone would have to tell too many columns apart. */
export function isByShape({ definition }: ComparisonTable): boolean {
  return definition.columns.length > 2;
}

function lineChart(table: ComparisonTable, { points, ranges }: Marks): TopLevelSpec {
  const xs = [...new Set(points.map((point) => point.x ?? 0))].sort((a, b) => a - b);
  const x = {
    field: 'x',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, base: 2, domain: [xs[0] / 1.2, xs[xs.length - 1] * 1.2], nice: false },
    axis: { values: xs, title: table.definition.rowHeading, format: 'd', grid: false },
  };
  const y = valueAxis(table, { points, ranges });
  const color = columnColor(table);
  const only = (source: string) => ({ values: points.filter((point) => point.source === source) });
  const shape = isByShape(table) ? { shape: { field: 'column', type: 'nominal' as const, scale: shapeScale(table.definition.columns), legend: null } } : {};
  return {
    ...PLOT,
    config: CONFIG,
    layer: [
      {
        data: only('simulated'),
        mark: { type: 'line', strokeWidth: 5, opacity: 0.3, strokeCap: 'round' },
        encoding: { x, y, color, detail: { field: 'run' } },
      },
      { data: { values: ranges }, mark: { type: 'rule', strokeWidth: 3 }, encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color } },
      { data: only('published'), mark: { type: 'line', strokeWidth: 1.5, strokeDash: [4, 3] }, encoding: { x, y, color } },
      {
        data: only('published'),
        mark: { type: 'point', shape: 'circle', size: 95, strokeWidth: 1.6, fill: 'transparent' },
        encoding: { x, y, stroke: color, ...shape },
      },
      { data: only('simulated'), mark: { type: 'point', shape: 'diamond', size: 42, filled: true, opacity: 1 }, encoding: { x, y, color, ...shape } },
    ],
  };
}

function rowChart(table: ComparisonTable, { points, ranges }: Marks): TopLevelSpec {
  const labels = table.definition.rows.map(({ label }) => label);
  const x = valueAxis(table, { points, ranges });
  const y = {
    field: 'row',
    type: 'nominal' as const,
    sort: labels,
    scale: { domain: labels },
    axis: { title: null, ticks: false, domain: false, grid: true, labelLimit: 0 },
  };
  const color = columnColor(table);
  const count = table.definition.columns.length;
  const layer = table.definition.columns.flatMap((_, index) => {
    const yOffset = (index - (count - 1) / 2) * COLUMN_OFFSET;
    const only = (source: string) => ({ values: points.filter((point) => point.source === source && point.index === index) });
    return [
      {
        data: { values: ranges.filter((range) => range.index === index) },
        mark: { type: 'rule', strokeWidth: 3, yOffset },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color },
      },
      {
        data: only('published'),
        mark: { type: 'point', shape: 'circle', size: 95, strokeWidth: 1.6, fill: 'transparent', yOffset },
        encoding: { x, y, stroke: color },
      },
      { data: only('simulated'), mark: { type: 'point', shape: 'diamond', size: 42, filled: true, opacity: 1, yOffset }, encoding: { x, y, color } },
    ];
  });
  return { width: 330, height: { step: ROW_HEIGHT }, config: CONFIG, layer } as TopLevelSpec;
}

function valueAxis({ post }: ComparisonTable, { points, ranges }: Marks) {
  const domain = logDomain([...points.map((point) => point.value), ...ranges.flatMap((range) => [range.low, range.high])]);
  const axis = { values: logTicks(domain), labelExpr: tickLabels(post.quantity), title: null };
  return { field: 'value', type: 'quantitative' as const, scale: { type: 'log' as const, domain, nice: false }, axis };
}

function columnColor({ definition }: ComparisonTable) {
  return { field: 'column', type: 'nominal' as const, scale: colorScale(definition.columns), legend: null };
}

function pointsOf({ definition, rows }: ComparisonTable): Point[] {
  return definition.columns.flatMap(({ name }, index) => {
    let run = 0;
    return rows.flatMap((row) => {
      const { published, simulated } = row.cells[index];
      const place = { row: row.definition.label, x: row.definition.x, column: name, index };
      const points: Point[] = published.value === undefined ? [] : [{ ...place, value: published.value, source: 'published', run: 0 }];
      if (simulated !== undefined && isPlottable(simulated.value)) points.push({ ...place, value: simulated.value, source: 'simulated', run });
      else run++;
      return points;
    });
  });
}

function rangesOf({ definition, rows }: ComparisonTable): Range[] {
  return rows.flatMap((row) =>
    row.cells.flatMap(({ simulated }, index): Range[] => {
      if (simulated === undefined || !(simulated.high > simulated.low) || !isPlottable(simulated.low)) return [];
      return [{ row: row.definition.label, x: row.definition.x, column: definition.columns[index].name, index, low: simulated.low, high: simulated.high }];
    }),
  );
}

/** What a published chart shows, for readers who do not see it. */
export function describeTable(table: ComparisonTable): string {
  const { definition, rows, post } = table;
  const last = [...rows].reverse().find((row) => row.cells.every((cell) => cell.published.value !== undefined)) ?? rows[rows.length - 1];
  const numbers = last.cells.map(({ published, simulated }, index) => {
    const posted = published.value === undefined ? 'not published' : `published ${quantityText(published.value, post)}`;
    return `${definition.columns[index].name} ${posted}, ${simulated === undefined ? 'not simulated' : `simulated ${quantityText(simulated.value, post)}`}`;
  });
  const names = definition.columns.map(({ name }) => name).join(', ');
  const label = [last.definition.label, definition.rowUnit].filter((part) => part !== undefined).join(' ');
  const all = allCells([table]).length;
  return `The ${post.quantity.noun} by ${definition.rowHeading} on logarithmic axes, published and simulated: ${names}; ${all} places. At ${label}: ${numbers.join('; ')}. The table has every number.`;
}
