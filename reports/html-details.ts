// Sections of the page below the published tables: other cells, stalls, locks, warnings.

import { STALL_CHART_ROWS, stallChart } from './chart-stalls.js';
import { type Html, html } from './escape.js';
import { colorKeys, scrollable } from './html-tables.js';
import type { LockGroup, LockRow, StallRow } from './locks-and-stalls.js';
import type { ReportWarning } from './model.js';
import type { OtherBlock, OtherGroup } from './other-cells.js';
import { renderSvg } from './svg.js';
import { formatCount, formatNs } from './units.js';

/** A section, or nothing at all. */
type Section = Html | undefined;

/** Every record outside of the published tables. */
export function otherSection(groups: readonly OtherGroup[]): Section {
  if (groups.length === 0) return undefined;
  return html`<section id="other" aria-labelledby="other-h"><h2 id="other-h">Other cells</h2>
<p>Records that are in no published table and answer no question above. Sampled numbers are medians with a 95 % interval, order-sensitive ones medians with the range over seeds. <code>~</code> stands where arms cannot be told apart.</p>
${groups.map((group, index) => otherGroup(group, index))}</section>
`;
}

function otherGroup(group: OtherGroup, index: number): Html {
  const withBase = group.blocks.some((block) => block.rows.some((row) => row.versusBase !== ''));
  const head = html`<tr>${group.columns.map((name) => html`<th scope="col" class="l">${name}</th>`)}<th scope="col" class="l">metric</th><th scope="col" class="l">${group.arms?.name ?? ''}</th><th scope="col">median</th><th scope="col">range</th><th scope="col">n</th>${withBase && html`<th scope="col" class="l">against ${group.arms?.base ?? ''}</th>`}</tr>`;
  const notes = group.blocks.flatMap((block) => block.notes.map((note) => html`<li>${group.columns.length > 0 ? `${block.label}: ` : ''}${note}</li>`));
  return html`<h3>${group.title}</h3>
<details><summary>Options that all ${group.blocks.length === 1 ? 'arms' : 'cells'} share</summary><p>${group.common.map((option) => html`<code>${option}</code> `)}</p></details>
${scrollable(`Other cells, group ${index + 1}`, html`<table><caption><span>${group.engine === 'threads' ? 'Wall clock, sampled' : 'Virtual time'}</span></caption><thead>${head}</thead><tbody>${group.blocks.map((block) => otherRows(block, withBase))}</tbody></table>`)}
${notes.length > 0 && html`<ul class="caveats">${notes}</ul>`}
`;
}

function otherRows(block: OtherBlock, withBase: boolean): Html[] {
  return block.rows.map(
    (row, index) =>
      html`<tr${index === 0 && html` class="block"`}>${index === 0 && block.values.map((value) => html`<td class="l" rowspan="${block.rows.length}">${value}</td>`)}<th scope="row" class="l">${row.metric}</th><td class="l">${row.arm}</td><td>${row.median}</td><td class="range">${row.range}</td><td>${row.n}</td>${withBase && html`<td class="l">${row.versusBase}</td>`}</tr>\n`,
  );
}

/** How long guest accesses were held up while the ioctl thread worked. */
export async function stallSection(rows: readonly StallRow[]): Promise<Section> {
  if (rows.length === 0) return undefined;
  const spec = stallChart(rows);
  const chart =
    spec === undefined
      ? undefined
      : await renderSvg(spec, {
          id: 'chart-stalls',
          title: 'Stalls of guest accesses',
          description: 'Median, 99th and 99.9th percentile and maximum stall of one guest access, on a logarithmic axis. The table has every number.',
        });
  const names = ['form', 'phase', 'access'];
  const numbers = ['count', 'mean', 'p50', 'p99', 'p99.9', 'max'];
  const head = html`<tr><th scope="col">row</th>${names.map((name) => html`<th scope="col" class="l">${name}</th>`)}${numbers.map((name) => html`<th scope="col">${name}</th>`)}</tr>`;
  const table = html`<table><caption><span>Stalls by kind of access</span></caption><thead>${head}</thead><tbody>${rows.map((row, index) => stallRow(row, index, rows[index - 1]))}</tbody></table>`;
  return html`<section id="stalls" aria-labelledby="stalls-h"><h2 id="stalls-h">Stalls of guest accesses</h2>
<p><strong>How long does one access wait while the ioctl thread works?</strong> From the exit to the retry, in concurrent cells, each beside its parked form where that was run. Percentiles are upper edges of buckets 12.5 % wide.</p>
${chart !== undefined && html`<figure><ul class="legend">${colorKeys(rows.map((row) => ({ name: row.arm, color: row.color })))}<li>solid: concurrent</li><li>dashed: parked</li></ul>${chart}${rows.length > STALL_CHART_ROWS && html`<figcaption>The first ${STALL_CHART_ROWS} of ${rows.length} rows.</figcaption>`}</figure>`}
${scrollable('Stall times', table)}</section>
`;
}

/** A row, under a heading where a new cell begins. */
function stallRow(row: StallRow, index: number, previous: StallRow | undefined): Html {
  const isNew = previous === undefined || previous.label !== row.label || previous.vcpus !== row.vcpus;
  const times = [row.meanNs, row.p50Ns, row.p99Ns, row.p999Ns, row.maxNs];
  return html`${isNew && html`<tr class="block"><th scope="rowgroup" colspan="10" class="l group">vcpus=${row.vcpus} ${row.label}</th></tr>\n`}<tr><th scope="row">${index + 1}</th><td class="l">${row.form}</td><td class="l">${row.phase}</td><td class="l">${row.kind}</td><td>${formatCount(row.count)}</td>${times.map((ns) => html`<td>${formatNs(ns)}</td>`)}</tr>\n`;
}

/** Lock statistics, folded. */
export function lockSection(all: readonly LockGroup[]): Section {
  if (all.length === 0) return undefined;
  const groups = all.filter(({ hasWaited }) => hasWaited);
  const quiet = all.length - groups.length;
  return html`<section id="locks" aria-labelledby="locks-h"><h2 id="locks-h">Locks</h2>
<p>Each lock at each call site, over the whole run of the first seed: how often it was taken, how often that meant waiting, and how long it was waited for and held.${quiet > 0 && ` Left out: ${quiet} ${quiet === 1 ? 'group' : 'groups'} of cells in which nothing ever waited for a lock; the JSON form has them.`}</p>
${groups.map((group, index) => html`<details><summary>${group.label}</summary>${scrollable(`Lock statistics ${index + 1}`, lockTable(group))}</details>\n`)}</section>
`;
}

function lockTable(group: LockGroup): Html {
  const head = ['acquisitions', 'contended', 'wait mean', 'wait max', 'hold mean', 'hold max'];
  return html`<table><caption><span>Times per acquisition; first seed</span></caption><thead><tr><th scope="col">vCPUs</th><th scope="col" class="l">lock</th><th scope="col" class="l">call site</th>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${group.rows.map((row, index) => lockRow(row, index > 0 && group.rows[index - 1].vcpus === row.vcpus))}</tbody></table>`;
}

function lockRow(row: LockRow, sameCell: boolean): Html {
  const times = [row.waitNsMean, row.waitNsMax, row.holdNsMean, row.holdNsMax];
  return html`<tr${!sameCell && html` class="block"`}><td>${row.vcpus}</td><th scope="row" class="l">${row.lock}</th><td class="l">${row.site}</td><td>${formatCount(row.acquisitions)}</td><td>${(100 * row.contended).toFixed(1)} %</td>${times.map((ns) => html`<td>${formatNs(ns)}</td>`)}</tr>\n`;
}

/** Doubts about numbers. */
export function warningSection(warnings: readonly ReportWarning[]): Html {
  const list =
    warnings.length === 0
      ? html`<p>None of the records carries a warning.</p>`
      : html`<ul class="warnings">${warnings.map(({ code, message, where }) => html`<li><code>${code}</code> ${message} <span class="muted">(${where})</span></li>\n`)}</ul>`;
  return html`<section id="warnings" aria-labelledby="warnings-h"><h2 id="warnings-h">Warnings</h2>${list}</section>
`;
}
