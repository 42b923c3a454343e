// Vega-Lite specifications of the report's charts. Colours are CSS variables of the page, so that one SVG follows light and dark;
// what a colour says is said a second time by shape or dash. Values that a logarithm cannot take are left out here, and the table beside each chart shows them.

import type { TopLevelSpec } from 'vega-lite';
import { misfit } from './fidelity.js';
import type { StallRow } from './locks-and-stalls.js';
import { allCells, type ComparisonCell, type ComparisonTable } from './match.js';
import { formatNs, formatRatio } from './units.js';

const COLORS = {
  domain: ['lazy', 'eager', 'eager-skip', 'on-fault'],
  range: ['var(--lazy)', 'var(--eager)', 'var(--eager-skip)', 'var(--on-fault)'],
};
const SECONDS_LABEL =
  "datum.value >= 0.9995 ? format(datum.value, '~g') + ' s' : datum.value >= 0.0009995 ? format(datum.value * 1e3, '~g') + ' ms' : format(datum.value * 1e6, '~g') + ' µs'";

/** Width and height of the plot area of a published chart, in CSS pixels. */
const PLOT = { width: 380, height: 250 };

/** Shared look: nothing but the data has a colour of its own. */
const CONFIG: TopLevelSpec['config'] = {
  background: 'transparent',
  font: 'inherit',
  padding: 4,
  aria: false,
  view: { stroke: null },
  axis: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    domainColor: 'var(--rule)',
    tickColor: 'var(--rule)',
    gridColor: 'var(--grid)',
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelPadding: 5,
    titlePadding: 8,
    tickSize: 4,
  },
  legend: { labelColor: 'currentColor', titleColor: 'currentColor', labelFontSize: 12, labelLimit: 0, symbolStrokeWidth: 2 },
  text: { color: 'currentColor', fontSize: 11 },
};

interface Point {
  vcpus: number;
  seconds: number;
  arm: string;
  source: 'published' | 'simulated';
  /** Grows at each missing number, so that no line is drawn across a gap. */
  run: number;
}

/**
 * Seconds over vCPUs for one published table, both axes logarithmic. Rings and dashes are published, filled points and the broad line simulated.
 * A range over seeds is an upright bar. `undefined` when there is nothing to draw.
 */
export function publishedChart(table: ComparisonTable): TopLevelSpec | undefined {
  const cells = allCells([table]);
  const points = (['lazy', 'eager'] as const).flatMap((arm) => pointsOf(table.rows.map((row) => row[arm])));
  if (points.length === 0) return undefined;
  const ranges = cells.flatMap(rangeOf).filter((range) => isPlottable(range.low) && isPlottable(range.high));
  const counts = [...new Set(points.map((point) => point.vcpus))].sort((a, b) => a - b);
  const x = {
    field: 'vcpus',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, base: 2, domain: [counts[0] / 1.2, counts[counts.length - 1] * 1.2], nice: false },
    axis: { values: counts, title: 'vCPUs', format: 'd', grid: false },
  };
  const seconds = [...points.map((point) => point.seconds), ...ranges.flatMap((range) => [range.low, range.high])];
  const domain = logDomain(seconds);
  const axis = { values: logTicks(domain), labelExpr: SECONDS_LABEL, title: null };
  const y = { field: 'seconds', type: 'quantitative' as const, scale: { type: 'log' as const, domain, nice: false }, axis };
  const color = { field: 'arm', type: 'nominal' as const, scale: COLORS, legend: null };
  const only = (source: string) => ({ values: points.filter((point) => point.source === source) });
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
      { data: only('published'), mark: { type: 'point', shape: 'circle', size: 95, strokeWidth: 1.6, fill: 'transparent' }, encoding: { x, y, stroke: color } },
      { data: only('simulated'), mark: { type: 'point', shape: 'diamond', size: 42, filled: true, opacity: 1 }, encoding: { x, y, color } },
    ],
  };
}

function pointsOf(cells: readonly ComparisonCell[]): Point[] {
  let run = 0;
  return cells.flatMap(({ published, simulated }) => {
    const { vcpus, arm, seconds } = published;
    const points: Point[] = [{ vcpus, arm, seconds, source: 'published', run: 0 }];
    if (simulated !== undefined && isPlottable(simulated.seconds)) points.push({ vcpus, arm, seconds: simulated.seconds, source: 'simulated', run });
    else run++;
    return points;
  });
}

function rangeOf(cell: ComparisonCell): { vcpus: number; arm: string; low: number; high: number }[] {
  if (cell.simulated === undefined || !(cell.simulated.highSeconds > cell.simulated.lowSeconds)) return [];
  return [{ vcpus: cell.published.vcpus, arm: cell.published.arm, low: cell.simulated.lowSeconds, high: cell.simulated.highSeconds }];
}

function isPlottable(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

/** A little more than the range of the values, on a logarithmic axis; at least a factor of 4 wide. */
function logDomain(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max(1.35, Math.sqrt(4 / (high / low)));
  return [low / margin, high * margin];
}

/** Powers of ten in the domain, with 2 and 5 (or 3) between them when they are few. */
function logTicks([low, high]: [number, number]): number[] {
  const decades = Math.log10(high / low);
  const steps = decades < 1.7 ? [1, 2, 5] : decades < 2.6 ? [1, 3] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const tick = Number(`${step}e${power}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

const RATIO_TICKS = [0.01, 0.1, 0.2, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 5, 10, 100];
/** Ticks that only fit when the axis is short. */
const FINE_TICKS = [0.67, 0.8, 1.25, 1.5];

/** One strip per table: simulated / published of every cell, on one logarithmic axis around 1. `undefined` when no cell is simulated. */
export function ratioStrip(tables: readonly ComparisonTable[]): TopLevelSpec | undefined {
  const points = tables.flatMap((table) => allCells([table]).flatMap((cell) => stripPoint(table, cell)));
  if (points.length === 0) return undefined;
  const worst = points.reduce((a, b) => (misfit(b.ratio) > misfit(a.ratio) ? b : a));
  // The worst mark is the outermost of its row: its label has room outwards, unless one cell is off beyond all bounds.
  const farthest = misfit(worst.ratio);
  const reach = Math.max(1.72, Math.min(farthest ** 2.3, farthest * 1.6));
  const domain = [1 / reach, reach];
  const ticks = RATIO_TICKS.filter((tick) => tick >= domain[0] && tick <= domain[1] && (reach < 4 || !FINE_TICKS.includes(tick)));
  const x = {
    field: 'ratio',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain, nice: false },
    axis: { values: ticks, title: 'simulated / published', format: '.2~f', grid: false },
  };
  const rows = tables.map(stripLabel);
  const y = {
    field: 'table',
    type: 'nominal' as const,
    sort: rows,
    scale: { domain: rows },
    axis: { title: null, ticks: false, domain: false, grid: true, labelLimit: 0, labelExpr: "split(datum.label, '|')", labelFontSize: 11 },
  };
  const mark = (arm: string, shape: string, offset: number, size: number) => ({
    data: { values: points.filter((point) => point.arm === arm) },
    mark: { type: 'point' as const, shape, filled: true, opacity: 0.75, size, yOffset: offset },
    encoding: { x, y, color: { field: 'arm', type: 'nominal' as const, scale: COLORS, legend: null } },
  });
  return {
    width: 300,
    height: { step: 34 },
    config: CONFIG,
    layer: [
      {
        data: { values: [{ from: 1 / 1.1, to: 1.1 }] },
        mark: { type: 'rect', fill: 'var(--band)' },
        encoding: { x: { ...x, field: 'from' }, x2: { field: 'to' } },
      },
      { data: { values: [{ at: 1 }] }, mark: { type: 'rule', stroke: 'currentColor', strokeWidth: 1 }, encoding: { x: { ...x, field: 'at' } } },
      {
        data: { values: [{ at: 1 / 1.5 }, { at: 1.5 }] },
        mark: { type: 'rule', stroke: 'var(--rule)', strokeDash: [2, 3] },
        encoding: { x: { ...x, field: 'at' } },
      },
      mark('lazy', 'circle', -6, 42),
      mark('eager', 'diamond', 6, 46),
      {
        data: { values: reach < 2.5 ? [worst] : [] },
        mark: { type: 'text', align: worst.ratio > 1 ? 'left' : 'right', dx: worst.ratio > 1 ? 7 : -7, dy: worst.arm === 'lazy' ? -6 : 6, baseline: 'middle' },
        encoding: { x, y, text: { field: 'label', type: 'nominal' } },
      },
    ],
  } as TopLevelSpec;
}

/** "1 Dirty memory|ept=Y": the table's name in the strip, in two lines, since the width of text is only estimated. */
function stripLabel(table: ComparisonTable): string {
  return `${table.number} ${table.definition.shortName.replace(', ', '|')}`;
}

function stripPoint(table: ComparisonTable, cell: ComparisonCell): { table: string; ratio: number; arm: string; label: string }[] {
  if (cell.ratio === undefined || !isPlottable(cell.ratio)) return [];
  const { vcpus, arm } = cell.published;
  return [{ table: stripLabel(table), ratio: cell.ratio, arm, label: `${vcpus} vCPUs: ${formatRatio(cell.ratio)}` }];
}

/** At most this many rows fit a stall chart; the table has them all. */
export const STALL_CHART_ROWS = 24;

const PERCENTILES = ['p50', 'p99', 'p99.9', 'max'] as const;

/**
 * Stall times of guest accesses, one row per kind of access: p50, p99, p99.9 and the maximum on a logarithmic axis.
 * A dashed rule is the parked form. `undefined` when no stall lasted longer than nothing.
 */
export function stallChart(rows: readonly StallRow[]): TopLevelSpec | undefined {
  const shown = rows.slice(0, STALL_CHART_ROWS).map((row, index) => ({ row, name: `${index + 1} ${row.split}, ${row.kind}`, values: percentilesOf(row) }));
  const points = shown.flatMap(({ row, name, values }) => values.map(([percentile, ns]) => ({ name, split: row.split, percentile, seconds: ns / 1e9 })));
  if (points.length === 0) return undefined;
  const domain = logDomain(points.map((point) => point.seconds));
  const axis = { values: logTicks(domain), labelExpr: SECONDS_LABEL, title: 'stall of one access' };
  const x = { field: 'seconds', type: 'quantitative' as const, scale: { type: 'log' as const, domain, nice: false }, axis };
  const y = {
    field: 'name',
    type: 'nominal' as const,
    sort: shown.map(({ name }) => name),
    axis: { title: null, domain: false, ticks: false, labelLimit: 0, labelFontSize: 11 },
  };
  const color = { field: 'split', type: 'nominal' as const, scale: COLORS, legend: null };
  const shape = {
    field: 'percentile',
    type: 'nominal' as const,
    scale: { domain: [...PERCENTILES], range: ['circle', 'square', 'triangle-up', 'diamond'] },
    legend: { title: null, orient: 'top' as const, symbolFillColor: 'currentColor', symbolStrokeColor: 'currentColor' },
  };
  const rule = (form: string, dash: number[]) => ({
    data: { values: shown.flatMap((one) => (one.row.form === form ? spanOf(one) : [])) },
    mark: { type: 'rule' as const, strokeWidth: 2, opacity: 0.6, strokeDash: dash },
    encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color },
  });
  return {
    width: 340,
    height: { step: 22 },
    config: CONFIG,
    layer: [
      rule('concurrent', [1, 0]),
      rule('parked', [3, 3]),
      { data: { values: points }, mark: { type: 'point', filled: true, size: 46, opacity: 1 }, encoding: { x, y, color, shape } },
    ],
  };
}

function spanOf({
  row,
  name,
  values,
}: {
  row: StallRow;
  name: string;
  values: [string, number][];
}): { name: string; split: string; low: number; high: number }[] {
  if (values.length === 0) return [];
  return [{ name, split: row.split, low: values[0][1] / 1e9, high: values[values.length - 1][1] / 1e9 }];
}

function percentilesOf(row: StallRow): [string, number][] {
  const values: [string, number][] = [
    ['p50', row.p50Ns],
    ['p99', row.p99Ns],
    ['p99.9', row.p999Ns],
    ['max', row.maxNs],
  ];
  return values.filter(([, ns]) => isPlottable(ns));
}

/** What a published chart shows, for readers who do not see it. */
export function describeTable(table: ComparisonTable): string {
  const last = table.rows[table.rows.length - 1];
  const arms = [last.lazy, last.eager].map((cell) => {
    const simulated = cell.simulated === undefined ? 'not simulated' : `simulated ${formatNs(cell.simulated.seconds * 1e9)}`;
    return `${cell.published.arm} published ${formatNs(cell.published.seconds * 1e9)}, ${simulated}`;
  });
  return `Time over vCPUs on logarithmic axes, published and simulated, lazy and eager. At ${last.vcpus} vCPUs: ${arms.join('; ')}. The table has every number.`;
}
