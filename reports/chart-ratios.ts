// The chart of all ratios of one post, around 1.

import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, colorOf, isPlottable, shapeOf } from './chart-look.js';
import { misfit } from './fidelity.js';
import type { ComparisonTable } from './match.js';
import type { FidelityLimits } from './posts/index.js';
import { formatRatio } from './units.js';

const RATIO_TICKS = [0.01, 0.1, 0.2, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 5, 10, 100];
/** Ticks that only fit when the axis is short. */
const FINE_TICKS = [0.67, 0.8, 1.25, 1.5];

/** Distance of the first and the last column within a strip. */
const SPREAD = 12;

interface Point {
  table: string;
  ratio: number;
  /** Of the six, by the column's colour; and the column's offset in the strip. */
  shape: string;
  offset: number;
  color: string;
  label: string;
}

/** One strip per table: simulated / published of every cell, on one logarithmic axis around 1. `undefined` when no cell is simulated. */
export function ratioStrip(tables: readonly ComparisonTable[], limits: Pick<FidelityLimits, 'worst'>): TopLevelSpec | undefined {
  const points = tables.flatMap(stripPoints);
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
  const mark = (shape: string) => ({
    data: { values: points.filter((point) => point.shape === shape) },
    mark: { type: 'point' as const, shape, filled: true, opacity: 0.75, size: 44, yOffset: { expr: 'datum.offset' } },
    encoding: { x, y, color: { field: 'color', type: 'nominal' as const, scale: null, legend: null } },
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
        data: { values: [{ at: 1 / limits.worst }, { at: limits.worst }] },
        mark: { type: 'rule', stroke: 'var(--rule)', strokeDash: [2, 3] },
        encoding: { x: { ...x, field: 'at' } },
      },
      ...[...new Set(points.map(({ shape }) => shape))].map(mark),
      {
        data: { values: reach < 2.5 ? [worst] : [] },
        mark: { type: 'text', align: worst.ratio > 1 ? 'left' : 'right', dx: worst.ratio > 1 ? 7 : -7, dy: worst.offset, baseline: 'middle' },
        encoding: { x, y, text: { field: 'label', type: 'nominal' } },
      },
    ],
  } as TopLevelSpec;
}

/** "1 Dirty memory|ept=Y": the table's name in the strip, in two lines, since the width of text is only estimated. */
function stripLabel(table: ComparisonTable): string {
  return `${table.number} ${table.definition.shortName.replace(', ', '|')}`;
}

function stripPoints(table: ComparisonTable): Point[] {
  const { columns, rowUnit } = table.definition;
  return table.rows.flatMap(({ definition, cells }) =>
    cells.flatMap(({ ratio }, index): Point[] => {
      if (ratio === undefined || !isPlottable(ratio)) return [];
      const offset = columns.length < 2 ? 0 : (index / (columns.length - 1) - 0.5) * SPREAD;
      const label = `${[definition.label, rowUnit].filter((part) => part !== undefined).join(' ')}: ${formatRatio(ratio)}`;
      return [{ table: stripLabel(table), ratio, shape: shapeOf(columns[index].color), offset, color: colorOf(columns[index].color), label }];
    }),
  );
}
