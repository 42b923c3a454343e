// The chart of an answer: lines over two logarithmic axes, one per structure.

import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, colorScale, logDomain, logTicks, SECONDS_LABELS, SHAPES } from './chart-look.js';
import type { AnswerChart } from './questions/index.js';
import { formatCount, formatNs } from './units.js';

/** Seconds by a count. Lines differ in colour and in the shape of their marks; the page has the legend. */
export function growthChart({ xTitle, lines }: AnswerChart): TopLevelSpec {
  const points = lines.flatMap(({ name, points: own }) => own.map(({ x, ns }) => ({ name, x, seconds: ns / 1e9 })));
  const [xDomain, yDomain] = [logDomain(points.map((point) => point.x)), logDomain(points.map((point) => point.seconds))];
  const log = (domain: [number, number]) => ({ type: 'log' as const, domain, nice: false });
  const x = {
    field: 'x',
    type: 'quantitative' as const,
    scale: log(xDomain),
    axis: { values: logTicks(xDomain), title: xTitle, format: ',d', grid: false },
  };
  const y = {
    field: 'seconds',
    type: 'quantitative' as const,
    scale: log(yDomain),
    axis: { values: logTicks(yDomain), labelExpr: SECONDS_LABELS, title: null },
  };
  const color = { field: 'name', type: 'nominal' as const, scale: colorScale(lines), legend: null };
  const shape = {
    field: 'name',
    type: 'nominal' as const,
    scale: { domain: lines.map(({ name }) => name), range: lines.map(({ color: one }) => shapeOf(one)) },
    legend: null,
  };
  return {
    width: 380,
    height: 250,
    config: CONFIG,
    data: { values: points },
    layer: [
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y, color } },
      { mark: { type: 'point', filled: true, size: 60, opacity: 1 }, encoding: { x, y, color, shape } },
    ],
  };
}

/** Shapes go with colours, so that one structure looks the same in every chart. */
function shapeOf(color: number): string {
  return SHAPES[color - 1] ?? SHAPES[0];
}

/** What the chart shows, for readers who do not see it. */
export function describeGrowth({ xTitle, lines }: AnswerChart): string {
  const ends = lines.map(({ name, points }) => {
    const last = points[points.length - 1];
    return `${name} ${formatNs(last.ns)} at ${formatCount(last.x)}`;
  });
  return `Time by ${xTitle} on logarithmic axes: ${ends.join('; ')}. The table has every number.`;
}
