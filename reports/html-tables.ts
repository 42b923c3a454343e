// Sections of the page for the published tables: the question, the chart, the numbers, and what to keep in mind.

import { describeTable, isByShape, publishedChart } from './chart-published.js';
import { type Html, html } from './escape.js';
import type { ErrorSummary } from './fidelity.js';
import { type Grid, type GridCell, gridOf } from './grid.js';
import { allCells, type ComparisonTable } from './match.js';
import { drawPhrase, errorPhrase, fitPhrase, misfitClass, missingPhrase } from './phrases.js';
import { renderSvg } from './svg.js';

/** Columns of numbers that have room beside a chart; a row's name takes that of two. */
const BESIDE_CHART = 8;

/** One section per published table; `previous` is the table above it. */
export async function tableSection(table: ComparisonTable, { summary, previous }: { summary: ErrorSummary; previous?: ComparisonTable }): Promise<Html> {
  const { definition, number } = table;
  const cells = allCells([table]);
  const missing = missingPhrase(table);
  const isNewGroup = definition.group !== undefined && definition.group !== previous?.definition.group;
  const caveats = html`<ul class="caveats">
<li><b>Error</b> ${errorPhrase(summary)}, as a geometric mean. ${fitPhrase(cells)}</li>
${missing !== undefined && html`<li><b>${missing}</b></li>`}
<li>${drawPhrase(cells)} ${definition.leavesOut}</li>
</ul>`;
  return html`${isNewGroup && html`<h3 class="tables">${definition.group}</h3>\n`}<section id="${definition.id}" aria-labelledby="${definition.id}-h">
<h3 id="${definition.id}-h">${number}. ${definition.title} <span class="muted">${definition.condition}</span></h3>
<p><strong>${definition.question}</strong> ${definition.reading}</p>
${layout(table, { chart: await chartFigure(table), caveats })}
</section>
`;
}

/** The table beside its chart, or below it where it has too many columns for that. */
function layout(table: ComparisonTable, { chart, caveats }: { chart: Html; caveats: Html }): Html {
  const numbers = numbersTable(table);
  if (isWide(gridOf(table))) return html`<div class="pair">${chart}${caveats}</div>\n${numbers}`;
  return html`<div class="pair">${chart}${numbers}</div>\n${caveats}`;
}

function isWide({ columns, derived, rows }: Grid): boolean {
  const named = rows.some(({ label }) => !/^\d+$/.test(label));
  const numbers = columns.reduce((sum, { hasPublished }) => sum + (hasPublished ? 3 : 1), 0);
  return numbers + (derived === undefined ? 0 : derived.hasPublished ? 2 : 1) + (named ? 2 : 0) > BESIDE_CHART;
}

async function chartFigure(table: ComparisonTable): Promise<Html> {
  const { definition, number } = table;
  const spec = publishedChart(table);
  if (spec === undefined) return html`<p>Nothing to draw: no cell of this table has a ${table.post.quantity.noun} above zero.</p>`;
  const title = `Table ${number}: ${definition.title}, ${definition.condition}`;
  const svg = await renderSvg(spec, { id: `chart-${definition.id}`, title, description: describeTable(table) });
  return html`<figure>${publishedLegend(table)}${svg}</figure>`;
}

/** What ring, diamond, dash and colour say; drawn in HTML so that it wraps on a phone. */
function publishedLegend(table: ComparisonTable): Html {
  const { columns } = table.definition;
  if (isByShape(table)) return html`<ul class="legend">${shapeKeys(columns)}<li>hollow, dashed: published</li><li>filled, broad line: simulated</li></ul>`;
  return html`<ul class="legend">${colorKeys(columns)}
<li><svg viewBox="0 0 32 14" aria-hidden="true"><path d="M0,7H32" stroke="currentColor" stroke-width="1.5" stroke-dasharray="4 3"/><circle cx="16" cy="7" r="5" fill="var(--page)" stroke="currentColor" stroke-width="1.6"/></svg>published</li>
<li><svg viewBox="0 0 32 14" aria-hidden="true"><path d="M3,7H29" stroke="currentColor" stroke-width="5" stroke-opacity=".3" stroke-linecap="round"/><path d="M16,3L20,7L16,11L12,7Z" fill="currentColor"/></svg>simulated</li>
</ul>`;
}

/** List items that name the page's colours. */
export function colorKeys(names: readonly { name: string; color: number }[]): Html[] {
  const known = new Map(names.filter(({ color }) => color >= 1 && color <= 6).map((one) => [one.name, one.color]));
  return [...known].map(
    ([name, color]) =>
      html`<li><svg viewBox="0 0 32 14" aria-hidden="true"><rect x="2" y="3" width="28" height="8" rx="2" fill="var(--c${color})"/></svg>${name}</li>\n`,
  );
}

/** Paths of the six shapes of marks, in a box of 32 by 14. */
const SHAPE_PATHS = [
  'M21,7A5,5 0 1 1 11,7A5,5 0 1 1 21,7Z',
  'M16,1L21,7L16,13L11,7Z',
  'M11.5,2.5H20.5V11.5H11.5Z',
  'M16,2L21.5,12H10.5Z',
  'M14,1.5H18V5H21.5V9H18V12.5H14V9H10.5V5H14Z',
  'M16,12L21.5,2H10.5Z',
];

/** As `colorKeys`, with the shape that goes with each colour. */
export function shapeKeys(names: readonly { name: string; color: number }[]): Html[] {
  const known = new Map(names.filter(({ color }) => color >= 1 && color <= 6).map((one) => [one.name, one.color]));
  return [...known].map(
    ([name, color]) =>
      html`<li><svg viewBox="0 0 32 14" aria-hidden="true"><path d="M0,7H32" stroke="var(--c${color})" stroke-width="2"/><path d="${SHAPE_PATHS[color - 1]}" fill="var(--c${color})"/></svg>${name}</li>\n`,
  );
}

/** Wraps a wide table so that it scrolls by itself, also with the keyboard. */
export function scrollable(label: string, table: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}

function numbersTable(table: ComparisonTable): Html {
  const grid = gridOf(table);
  const name = `${table.post.shortName}, table ${table.number}`;
  const numeric = table.definition.rows.every((row) => row.x !== undefined);
  const rows = grid.rows.map(
    (row) =>
      html`<tr><th scope="row"${!numeric && html` class="l"`}>${row.label}</th>${row.cells.map((cell, index) => cellTexts(cell, { grid, index, worst: table.post.limits.worst }))}${grid.derived !== undefined && derivedTexts(row.derived, grid)}</tr>\n`,
  );
  return scrollable(
    `Numbers of ${name}`,
    html`<table class="sticky"><caption><span>${captionOf(table, grid)}</span></caption>
<thead>${headRows(grid, numeric)}</thead>
<tbody>${rows}</tbody></table>`,
  );
}

function captionOf({ number, post }: ComparisonTable, grid: Grid): Html {
  const unit = grid.unit === undefined ? 'each row in its unit' : grid.unit === 's' ? 'seconds' : grid.unit === '/s' ? 'per second' : grid.unit;
  const bare = grid.columns.filter(({ hasPublished }) => !hasPublished).map(({ name }) => name);
  return html`Table ${number}, ${unit}. Ratio = simulated / published.${grid.withRange && ' Under a number: lowest and highest over seeds.'}${bare.length > 0 && ` Not measured in the post, and so predicted: ${bare.join(', ')}.`}${post.quantity.better === 'larger' && ' More is better.'}`;
}

function headRows(grid: Grid, numeric: boolean): Html {
  const groups = grid.columns.map(({ heading, color, hasPublished }) => ({
    heading,
    mark: `arm c${color} s${color - 1}`,
    names: hasPublished ? ['published', 'simulated', 'ratio'] : ['simulated'],
  }));
  const derived =
    grid.derived === undefined
      ? []
      : [{ heading: grid.derived.name, mark: 'l', names: grid.derived.hasPublished ? ['published', 'simulated'] : ['simulated'] }];
  const all = [...groups, ...derived];
  return html`<tr><th scope="col" rowspan="2"${!numeric && html` class="l"`}>${grid.rowHeading}</th>${all.map(({ heading, mark, names }) => html`<th scope="colgroup" colspan="${names.length}" class="${mark} start">${heading}</th>`)}</tr>
<tr>${all.map(({ names }) => names.map((name, index) => html`<th scope="col"${index === 0 && html` class="start"`}>${name}</th>`))}</tr>`;
}

function cellTexts(cell: GridCell, { grid, index, worst }: { grid: Grid; index: number; worst: number }): Html {
  const { hasPublished } = grid.columns[index];
  const start = !hasPublished && html` start`;
  const published = hasPublished && html`<td class="start">${cell.published}</td>`;
  if (cell.missing !== undefined) {
    return html`${published}<td class="missing${start}" title="${cell.missing}">missing</td>${hasPublished && html`<td class="missing">-</td>`}`;
  }
  const predicted = cell.predicted && html`<abbr title="predicted: not used to choose the profile">p</abbr> `;
  const simulated = html`${cell.simulated}${grid.withRange && cell.range !== '' && html`<span class="sub">${cell.range}</span>`}`;
  if (!hasPublished) return html`<td class="start">${predicted}${simulated}</td>`;
  if (cell.far === undefined) return html`${published}<td>${simulated}</td><td class="missing">-</td>`;
  return html`${published}<td>${simulated}</td><td class="ratio m${misfitClass(cell.far, worst)}">${predicted}${cell.ratio}<span class="mark" aria-hidden="true">${cell.mark}</span></td>`;
}

function derivedTexts(derived: { published: string; simulated: string } | undefined, { derived: column }: Grid): Html {
  const simulated = derived?.simulated ?? '-';
  if (column?.hasPublished !== true) return html`<td class="start">${simulated}</td>`;
  return html`<td class="start">${derived?.published ?? '-'}</td><td>${simulated}</td>`;
}
