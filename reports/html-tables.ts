// Sections of the page for the published tables: the question, the chart, the numbers, and what to keep in mind.

import { describeTable, publishedChart } from './charts.js';
import { type Html, html } from './escape.js';
import type { ErrorSummary } from './fidelity.js';
import { FIDELITY_LIMITS, misfit } from './fidelity.js';
import { allCells, type ComparisonCell, type ComparisonTable } from './match.js';
import { drawPhrase, errorPhrase, fitPhrase, misfitMark, missingPhrase, rangePhrase } from './phrases.js';
import { renderSvg } from './svg.js';
import { decimalsFor, formatRatio } from './units.js';

/** One section per published table. */
export async function tableSection(table: ComparisonTable, summary: ErrorSummary): Promise<Html> {
  const { definition, number } = table;
  const cells = allCells([table]);
  const heading = `${number}. ${definition.title}`;
  const missing = missingPhrase(cells);
  return html`<section id="${definition.id}" aria-labelledby="${definition.id}-h">
<h2 id="${definition.id}-h">${heading} <span class="muted">${definition.condition}</span></h2>
<p><strong>${definition.question}</strong> ${definition.reading}</p>
<div class="pair">
${await chartFigure(table)}
${numbersTable(table)}
</div>
<ul class="caveats">
<li><b>Error</b> ${errorPhrase(summary)}, as a geometric mean. ${fitPhrase(cells)}</li>
${missing !== undefined && html`<li><b>${missing}</b></li>`}
<li>${drawPhrase(cells)} ${definition.leavesOut}</li>
</ul>
</section>
`;
}

async function chartFigure(table: ComparisonTable): Promise<Html> {
  const { definition, number } = table;
  const spec = publishedChart(table);
  if (spec === undefined) return html`<p>Nothing to draw: no cell of this table has a time above zero.</p>`;
  const title = `Table ${number}: ${definition.title}, ${definition.condition}`;
  const svg = await renderSvg(spec, { id: `chart-${definition.id}`, title, description: describeTable(table) });
  return html`<figure>${publishedLegend()}${svg}</figure>`;
}

/** What ring, diamond, dash and colour say; drawn in HTML so that it wraps on a phone. */
function publishedLegend(): Html {
  return html`<ul class="legend">${armKeys(['lazy', 'eager'])}
<li><svg viewBox="0 0 32 14" aria-hidden="true"><path d="M0,7H32" stroke="currentColor" stroke-width="1.5" stroke-dasharray="4 3"/><circle cx="16" cy="7" r="5" fill="var(--page)" stroke="currentColor" stroke-width="1.6"/></svg>published</li>
<li><svg viewBox="0 0 32 14" aria-hidden="true"><path d="M3,7H29" stroke="currentColor" stroke-width="5" stroke-opacity=".3" stroke-linecap="round"/><path d="M16,3L20,7L16,11L12,7Z" fill="currentColor"/></svg>simulated</li>
</ul>`;
}

/** List items that name the colours of split policies. */
export function armKeys(arms: readonly string[]): Html[] {
  const known = arms.filter((arm) => ['lazy', 'eager', 'eager-skip', 'on-fault'].includes(arm));
  return known.map(
    (arm) => html`<li><svg viewBox="0 0 32 14" aria-hidden="true"><rect x="2" y="3" width="28" height="8" rx="2" fill="var(--${arm})"/></svg>${arm}</li>\n`,
  );
}

/** Wraps a wide table so that it scrolls by itself, also with the keyboard. */
export function scrollable(label: string, table: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}

function numbersTable(table: ComparisonTable): Html {
  const { number } = table;
  const cells = allCells([table]);
  const decimals = decimalsFor(cells.map((cell) => cell.published.seconds));
  const withRange = cells.some((cell) => cell.simulated?.orderSensitive === true);
  const rows = table.rows.map(
    (row) => html`<tr><th scope="row">${row.vcpus}</th>${armCells(row.lazy, { decimals, withRange })}${armCells(row.eager, { decimals, withRange })}</tr>\n`,
  );
  const columns = html`<th scope="col" class="start">published</th><th scope="col">simulated</th><th scope="col">ratio</th>${withRange && html`<th scope="col">range</th>`}`;
  const span = withRange ? 4 : 3;
  return scrollable(
    `Numbers of table ${number}`,
    html`<table class="sticky"><caption><span>Table ${number}, seconds. Ratio = simulated / published.${withRange && ' Range over seeds, percent of the median.'}</span></caption>
<thead><tr><th scope="col" rowspan="2">vCPUs</th><th scope="colgroup" colspan="${span}" class="arm lazy start">eager_page_split=N</th><th scope="colgroup" colspan="${span}" class="arm eager start">eager_page_split=Y</th></tr>
<tr>${columns}${columns}</tr></thead>
<tbody>${rows}</tbody></table>`,
  );
}

function armCells(cell: ComparisonCell, { decimals, withRange }: { decimals: number; withRange: boolean }): Html {
  const published = html`<td class="start">${cell.published.seconds.toFixed(decimals)}</td>`;
  if (cell.simulated === undefined || cell.ratio === undefined) {
    return html`${published}<td class="missing" title="${cell.missing ?? 'no record'}">missing</td><td class="missing">-</td>${withRange && html`<td></td>`}`;
  }
  const predicted = !cell.fitted && html`<abbr title="predicted: not used to choose the profile">p</abbr> `;
  return html`${published}<td>${cell.simulated.seconds.toFixed(decimals)}</td><td class="ratio ${misfitClass(cell.ratio)}">${predicted}${formatRatio(cell.ratio)}<span class="mark" aria-hidden="true">${misfitMark(cell.ratio)}</span></td>${withRange && html`<td class="range">${rangePhrase(cell)}</td>`}`;
}

function misfitClass(ratio: number): string {
  const far = misfit(ratio);
  return far <= 1.05 ? 'm0' : far <= 1.15 ? 'm1' : far <= FIDELITY_LIMITS.worst ? 'm2' : 'm3';
}
