// What all charts share. Colours are CSS variables of the page, so that one SVG follows light and dark; what a colour says is said a second time by
// shape or dash. Values that a logarithm cannot take are left out of charts, and the table beside each chart shows them.

import type { TopLevelSpec } from 'vega-lite';
import { QUANTITIES, type Quantity } from './posts/index.js';

/** Marks of arms and columns, by their place: the second channel beside colour. */
const SHAPES = ['circle', 'diamond', 'square', 'triangle-up', 'cross', 'triangle-down'] as const;

/** The shape that goes with one of the page's six colours, so that one thing looks the same in every chart. */
export function shapeOf(color: number): (typeof SHAPES)[number] {
  return SHAPES[color - 1] ?? SHAPES[0];
}

/** One of the page's six colours; 0 and whatever is beyond them is the ink. */
export function colorOf(color: number): string {
  return color >= 1 && color <= 6 ? `var(--c${color})` : 'currentColor';
}

/** A Vega scale that gives each name its colour; a name that is there twice has that of the first. */
export function colorScale(names: readonly { name: string; color: number }[]): { domain: string[]; range: string[] } {
  const unique = uniqueNames(names);
  return { domain: unique.map(({ name }) => name), range: unique.map(({ color }) => colorOf(color)) };
}

/** A Vega scale that gives each name the shape of its colour. */
export function shapeScale(names: readonly { name: string; color: number }[]): { domain: string[]; range: string[] } {
  const unique = uniqueNames(names);
  return { domain: unique.map(({ name }) => name), range: unique.map(({ color }) => shapeOf(color)) };
}

function uniqueNames(names: readonly { name: string; color: number }[]): { name: string; color: number }[] {
  return names.filter(({ name }, index) => names.findIndex((other) => other.name === name) === index);
}

/** A Vega expression that labels ticks in the units of a quantity: "200 µs", "2 s". */
export function tickLabels({ scales }: Quantity): string {
  const label = ([size, symbol]: Quantity['scales'][number]) => `format(datum.value / ${size}, '~g') + ' ${symbol}'`;
  const [smallest] = scales.slice(-1);
  return scales.slice(0, -1).reduceRight((rest, scale) => `datum.value >= ${0.9995 * scale[0]} ? ${label(scale)} : ${rest}`, label(smallest));
}

/** Tick labels of an axis in seconds. */
export const SECONDS_LABELS = tickLabels(QUANTITIES.time);

/** Shared look: nothing but the data has a colour of its own. */
export const CONFIG: TopLevelSpec['config'] = {
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

/** Whether a logarithmic axis has a place for it. */
export function isPlottable(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

/** A little more than the range of the values, on a logarithmic axis; at least a factor of 4 wide. */
export function logDomain(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max(1.35, Math.sqrt(4 / (high / low)));
  return [low / margin, high * margin];
}

/** Powers of ten in the domain, with 2 and 5 (or 3) between them when they are few. */
export function logTicks([low, high]: [number, number]): number[] {
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
