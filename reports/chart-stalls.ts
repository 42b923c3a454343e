// The chart of stall times: one row per kind of access, percentiles as marks.

import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, colorScale, isPlottable, logDomain, logTicks, SECONDS_LABELS } from './chart-look.js';
import type { StallRow } from './locks-and-stalls.js';

/** At most this many rows fit a stall chart; the table has them all. */
export const STALL_CHART_ROWS = 24;

const PERCENTILES = ['p50', 'p99', 'p99.9', 'max'] as const;

/**
 * Stall times of guest accesses, one row per kind of access: p50, p99, p99.9 and the maximum on a logarithmic axis.
 * A dashed rule is the parked form. `undefined` when no stall lasted longer than nothing.
 */
export function stallChart(rows: readonly StallRow[]): TopLevelSpec | undefined {
  const shown = rows.slice(0, STALL_CHART_ROWS).map((row, index) => ({ row, name: `${index + 1} ${row.arm}, ${row.kind}`, values: percentilesOf(row) }));
  const points = shown.flatMap(({ row, name, values }) => values.map(([percentile, ns]) => ({ name, arm: row.arm, percentile, seconds: ns / 1e9 })));
  if (points.length === 0) return undefined;
  const unique = [...new Map(shown.map(({ row }) => [row.arm, { name: row.arm, color: row.color }])).values()];
  const domain = logDomain(points.map((point) => point.seconds));
  const axis = { values: logTicks(domain), labelExpr: SECONDS_LABELS, title: 'stall of one access' };
  const x = { field: 'seconds', type: 'quantitative' as const, scale: { type: 'log' as const, domain, nice: false }, axis };
  const y = {
    field: 'name',
    type: 'nominal' as const,
    sort: shown.map(({ name }) => name),
    axis: { title: null, domain: false, ticks: false, labelLimit: 0, labelFontSize: 11 },
  };
  const color = { field: 'arm', type: 'nominal' as const, scale: colorScale(unique), legend: null };
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
}): { name: string; arm: string; low: number; high: number }[] {
  if (values.length === 0) return [];
  return [{ name, arm: row.arm, low: values[0][1] / 1e9, high: values[values.length - 1][1] / 1e9 }];
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
