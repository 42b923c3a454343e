// The chart of an answer: lines over two logarithmic axes, one per structure or configuration, with the levels that they are compared with.

import type { TopLevelSpec } from 'vega-lite';
import { CONFIG, colorScale, logDomain, logTicks, shapeScale, tickLabels } from './chart-look.js';
import { QUANTITIES, type Quantity } from './posts/index.js';
import type { AnswerChart } from './questions/index.js';
import { formatCount, formatMetric } from './units.js';

/** How far below a level the axis goes on at least, so that its name has room there. */
const LEVEL_ROOM = 0.55;

/** So many counts have room for a tick each. */
const TICKS_MAX = 12;

const QUANTITY_OF: Record<AnswerChart['unit'], Quantity> = { ns: QUANTITIES.time, per_s: QUANTITIES.rate };

/** Times or rates by a count. Lines differ in colour and in the shape of their marks; the page has the legend. */
export function growthChart({ xTitle, unit, lines, levels = [] }: AnswerChart): TopLevelSpec {
  const { perMetric } = QUANTITY_OF[unit];
  const points = lines.flatMap(({ name, isDashed = false, points: own }) =>
    own.map(({ x, value }) => ({ name, isDashed, line: `${name} ${isDashed}`, x, value: value * perMetric })),
  );
  const across = levels.map(({ name, value }) => ({ name, value: value * perMetric }));
  const x = countAxis(
    points.map((point) => point.x),
    xTitle,
  );
  const y = valueAxis([...points.map(({ value }) => value), ...across.map(({ value }) => value * LEVEL_ROOM)], QUANTITY_OF[unit]);
  const color = { field: 'name', type: 'nominal' as const, scale: colorScale(lines), legend: null };
  const shape = { field: 'name', type: 'nominal' as const, scale: shapeScale(lines), legend: null };
  const stroke = (isDashed: boolean) => ({
    data: { values: points.filter((point) => point.isDashed === isDashed) },
    mark: { type: 'line' as const, strokeWidth: isDashed ? 1.5 : 2, strokeDash: isDashed ? [4, 3] : [1, 0] },
    encoding: { x, y, color, detail: { field: 'line' } },
  });
  const dashed = points.some(({ isDashed }) => isDashed) ? [stroke(true)] : [];
  return {
    width: 380,
    height: 250,
    config: CONFIG,
    layer: [
      ...(across.length > 0 ? levelLayers(across, y) : []),
      stroke(false),
      ...dashed,
      { data: { values: points }, mark: { type: 'point', filled: true, size: 60, opacity: 1 }, encoding: { x, y, color, shape } },
    ],
  } as TopLevelSpec;
}

/** A tick for each count where these are few and powers of two, as vCPUs are. */
function countAxis(counts: readonly number[], title: string) {
  const unique = [...new Set(counts)].sort((a, b) => a - b);
  const domain = logDomain(unique);
  const isEach = unique.length <= TICKS_MAX && unique.every((count) => Number.isInteger(Math.log2(count)));
  const axis = { values: isEach ? unique : logTicks(domain), title, format: ',d', grid: false };
  return { field: 'x', type: 'quantitative' as const, scale: { type: 'log' as const, domain, nice: false }, axis };
}

function valueAxis(values: readonly number[], quantity: Quantity) {
  const domain = logDomain(values);
  const axis = { values: logTicks(domain), labelExpr: tickLabels(quantity), title: null };
  return { field: 'value', type: 'quantitative' as const, scale: { type: 'log' as const, domain, nice: false }, axis };
}

/** A rule from side to side with its name below its right end: what it is compared with lies above. */
function levelLayers(levels: readonly { name: string; value: number }[], y: ReturnType<typeof valueAxis>) {
  const data = { values: levels };
  return [
    { data, mark: { type: 'rule', stroke: 'currentColor', strokeWidth: 1.5, strokeDash: [1, 3] }, encoding: { y } },
    {
      data,
      mark: { type: 'text', align: 'right', baseline: 'top', dx: -4, dy: 4 },
      encoding: { y, x: { value: 'width' }, text: { field: 'name', type: 'nominal' } },
    },
  ];
}

/** What the chart shows, for readers who do not see it. */
export function describeGrowth({ xTitle, unit, lines, levels = [], strokes }: AnswerChart): string {
  const ends = lines.map(({ name, points, isDashed = false }) => {
    const last = points[points.length - 1];
    const kind = strokes === undefined ? '' : `, ${isDashed ? strokes.dashed : strokes.solid},`;
    return `${name}${kind} ${formatMetric(last.value, unit)} at ${formatCount(last.x)}`;
  });
  const across = levels.map(({ name }) => ` Drawn across: ${name}.`).join('');
  return `${unit === 'ns' ? 'Time' : 'Rate'} by ${xTitle} on logarithmic axes: ${ends.join('; ')}.${across} The table has every number.`;
}
