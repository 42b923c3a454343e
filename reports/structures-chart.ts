// The chart of `mmulab bench structures`: time of one operation over the number of memslots, both axes logarithmic, one panel per operation.
// It stands alone, so it has its colours and its ground in it; colour, dash and shape say the same thing three times.

import type { TopLevelSpec } from 'vega-lite';
import { renderSvg } from './svg.js';

/** One measured median. */
export interface StructurePoint {
  operation: string;
  structure: string;
  n: number;
  /** Time of one operation, nanoseconds. */
  ns: number;
}

const INK = '#1d2125';
const GRID = '#e6e4dc';
const PANEL = { width: 210, height: 170 };
const COLUMNS = 3;

/** Okabe and Ito's palette, darkened for white ground; dashes and shapes go with it. */
const LOOKS = [
  { color: '#c85200', dash: [1, 0], shape: 'circle' },
  { color: '#0068a5', dash: [1, 0], shape: 'diamond' },
  { color: '#00795a', dash: [5, 3], shape: 'square' },
  { color: '#a8487f', dash: [2, 2], shape: 'triangle-up' },
  { color: '#56616b', dash: [7, 2, 2, 2], shape: 'cross' },
  { color: '#8a6d00', dash: [9, 3], shape: 'triangle-down' },
  { color: '#1d2125', dash: [3, 5], shape: 'stroke' },
];

const LABEL =
  "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' ms' : datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' µs' : datum.value + ' ns'";

/** The specification. Points that a logarithm cannot take are left out. */
export function structuresChart(points: readonly StructurePoint[]): TopLevelSpec {
  const drawn = points.filter(({ n, ns }) => n > 0 && ns > 0 && Number.isFinite(ns));
  const structures = [...new Set(drawn.map(({ structure }) => structure))];
  const operations = [...new Set(drawn.map(({ operation }) => operation))];
  const x = axisOver(drawn.map(({ n }) => n));
  const panels = operations.map((operation) => panel(operation, { points: drawn.filter((point) => point.operation === operation), structures, x }));
  return {
    concat: panels,
    columns: COLUMNS,
    config: {
      background: '#ffffff',
      font: 'sans-serif',
      padding: 10,
      aria: false,
      axis: { labelColor: INK, titleColor: INK, gridColor: GRID, domainColor: INK, tickColor: INK, titleFontWeight: 'normal' },
      title: { color: INK, fontSize: 12, anchor: 'start' },
      legend: { labelColor: INK, labelLimit: 0 },
      view: { stroke: null },
    },
  };
}

interface LogAxis {
  domain: [number, number];
  ticks: number[];
}

/** Whole decades around the values. */
function axisOver(values: readonly number[]): LogAxis {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return { domain: [10 ** first, 10 ** last], ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)) };
}

function panel(operation: string, { points, structures, x }: { points: readonly StructurePoint[]; structures: readonly string[]; x: LogAxis }) {
  const looks = structures.map((_, index) => LOOKS[index % LOOKS.length]);
  const y = axisOver(points.map(({ ns }) => ns));
  const legend = { title: null, orient: 'top' as const, columns: 4, symbolSize: 60 };
  const scale = <T>(range: T[]) => ({ domain: [...structures], range });
  const logScale = ({ domain }: LogAxis) => ({ type: 'log' as const, domain, nice: false });
  return {
    ...PANEL,
    title: operation,
    data: { values: [...points] },
    mark: { type: 'line' as const, point: { size: 36, filled: true }, strokeWidth: 1.6 },
    encoding: {
      x: { field: 'n', type: 'quantitative' as const, scale: logScale(x), axis: { title: 'memslots', format: '~s', values: x.ticks } },
      y: { field: 'ns', type: 'quantitative' as const, scale: logScale(y), axis: { title: null, labelExpr: LABEL, values: y.ticks } },
      color: { field: 'structure', type: 'nominal' as const, scale: scale(looks.map(({ color }) => color)), legend },
      strokeDash: { field: 'structure', type: 'nominal' as const, scale: scale(looks.map(({ dash }) => dash)), legend },
      shape: { field: 'structure', type: 'nominal' as const, scale: scale(looks.map(({ shape }) => shape)), legend },
    },
  };
}

/** The chart as an SVG file. */
export async function renderStructuresSvg(points: readonly StructurePoint[]): Promise<string> {
  const { markup } = await renderSvg(structuresChart(points), {
    id: 'structures',
    title: 'Time of one operation on the memslot structures',
    description: 'Nanoseconds per operation over the number of memslots, both axes logarithmic, one panel per operation and one line per structure.',
  });
  return `${markup}\n`;
}
