// What the page says about one post: what it is, how close the simulation comes, its tables, and the questions of its thread.

import { ratioStrip } from './chart-ratios.js';
import { type Html, html } from './escape.js';
import { type ErrorSummary, misfit } from './fidelity.js';
import { questionSection } from './html-questions.js';
import { tableSection } from './html-tables.js';
import { allCells } from './match.js';
import type { Headline, PostReport } from './model.js';
import { cellPlace, errorPhrase, fitPhrase, formatError, headlinePhrase, quantityText, worstPhrase } from './phrases.js';
import type { PublishedPost } from './posts/index.js';
import { renderSvg } from './svg.js';
import { formatRatio, shortNumber } from './units.js';

/** The part of the page that belongs to one post. */
export async function postSection(report: PostReport): Promise<Html> {
  const { post, tables, fidelity } = report;
  const sections: Html[] = [];
  if (report.isMeasured) {
    sections.push(await summarySection(report));
    for (const [index, table] of tables.entries()) sections.push(await tableSection(table, { summary: fidelity.tables[index], previous: tables[index - 1] }));
  }
  return html`<section class="post" id="${post.id}" aria-labelledby="${post.id}-h"><h2 id="${post.id}-h">${post.heading}</h2>
<p class="fine">${post.author}, "${post.title}", ${post.date}</p>
<p>${post.lead}</p>
${sections}
${await questionSection(report)}
</section>
`;
}

async function summarySection(report: PostReport): Promise<Html> {
  const { post, tables, fidelity } = report;
  const strip = ratioStrip(tables, fidelity.limits);
  const labels = {
    id: `chart-${post.id}-ratios`,
    title: `Simulated / published, every cell: ${post.shortName}`,
    description: `One mark per cell, one row per table; 1 is perfect. ${scoreSentence(report)}`,
  };
  return html`<div class="summary">
<div>
${report.headline !== undefined && headlineTable(report.headline, post)}
${scores(report)}
<p class="fine">${fitPhrase(allCells(tables))} ${report.fitNote}</p>
</div>
${strip !== undefined && html`<figure><figcaption>Every cell: simulated / published. Band: within 10 %; dotted: a factor of ${shortNumber(fidelity.limits.worst)}. ${shapesPhrase(report)}</figcaption>${await renderSvg(strip, labels)}</figure>`}
</div>
`;
}

/** "Circles lazy, diamonds eager." Tables may have other columns in the same places. */
function shapesPhrase({ tables }: PostReport): string {
  const words = ['Circles', 'diamonds', 'squares', 'triangles', 'crosses', 'inverted triangles'];
  const columns = tables.flatMap(({ definition }) => definition.columns);
  const names = words.map((word, index) => ({ word, names: new Set(columns.filter(({ color }) => color === index + 1).map(({ name }) => name)) }));
  return `${names.flatMap(({ word, names: own }) => (own.size === 0 ? [] : [`${word} ${[...own].join(' or ')}`])).join(', ')}.`;
}

function scoreSentence({ fidelity, tables, headline, post }: PostReport): string {
  const parts = [
    `All: ${errorPhrase(fidelity.all, fidelity.limits.all)}`,
    `worst cell ${worstPhrase(fidelity, tables) ?? '-'}`,
    ...(headline === undefined ? [] : [headlinePhrase(headline, post)]),
  ];
  return `${parts.join('; ')}.`;
}

function headlineTable({ caption, columns, published, simulated }: Headline, post: PublishedPost): Html {
  const row = (name: string, values: readonly number[]) =>
    html`<tr><th scope="row">${name}</th>${values.map((value) => html`<td>${quantityText(value, post)}</td>`)}</tr>`;
  return html`<table class="headline"><caption><span>${caption}</span></caption>
<thead><tr><td></td>${columns.map(({ name, color }) => html`<th scope="col" class="arm c${color} s${color - 1}">${name}</th>`)}</tr></thead>
<tbody>${row('published', published)}${row('simulated', simulated)}</tbody></table>`;
}

function scores({ fidelity, tables }: PostReport): Html {
  const { worst } = fidelity.all;
  const apart = fidelity.fitted.cells > 0 && fidelity.predicted.cells > 0;
  return html`<dl class="score">
${score(`geometric-mean error, ${cellsOf(fidelity.all)}`, fidelity.all, fidelity.limits.all)}
${fidelity.subsets.map((subset) => score(`the ${cellsOf(subset)} of ${subset.name}`, subset, subset.limit))}
${apart && score(`the ${cellsOf(fidelity.predicted)} that were predicted`, fidelity.predicted)}
${worst?.ratio !== undefined && html`<div${misfit(worst.ratio) > fidelity.limits.worst && html` class="over"`}><dt>worst cell, ${cellPlace(worst, tables)}</dt><dd class="value">${formatRatio(worst.ratio)}</dd><dd class="note">limit ${fidelity.limits.worst.toFixed(2)} either way</dd></div>`}
</dl>`;
}

function cellsOf(summary: ErrorSummary): string {
  return summary.measured === summary.cells
    ? `${summary.cells} cells`
    : `${summary.measured} of ${summary.cells} cells (${summary.cells - summary.measured} missing)`;
}

function score(name: string, summary: ErrorSummary, limit?: number): Html {
  const isOver = limit !== undefined && summary.error !== undefined && summary.error > limit;
  const note = limit === undefined ? '' : `limit ${limit.toFixed(2)}${isOver ? ', exceeded' : ''}`;
  return html`<div${isOver && html` class="over"`}><dt>${name}</dt><dd class="value">${summary.error === undefined ? '-' : formatError(summary.error)}</dd><dd class="note">${note}</dd></div>`;
}
