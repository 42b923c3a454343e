// The page: one file without script and without network. Strings of the records pass through the `html` tag, which escapes them.

import type { ResultRecord } from '../bench/results/index.js';
import { ratioStrip } from './charts.js';
import { Html, html } from './escape.js';
import { type ErrorSummary, FIDELITY_LIMITS, misfit } from './fidelity.js';
import { lockSection, otherSection, stallSection, warningSection } from './html-details.js';
import { PAGE_STYLE } from './html-style.js';
import { tableSection } from './html-tables.js';
import { allCells } from './match.js';
import { buildModel, type Headline, type Provenance, type ReportModel } from './model.js';
import { errorPhrase, fitPhrase, formatError, headlinePhrase, MISFIT_LEGEND, worstPhrase } from './phrases.js';
import { PUBLISHED_POST } from './published.js';
import { renderSvg } from './svg.js';
import { digits, formatRatio } from './units.js';

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const TITLE = 'Eager page splitting in the shadow MMU: published and simulated';

/** report.html for `records`: the same records give the same bytes, in whatever order they come. */
export async function renderReportHtml(records: readonly ResultRecord[]): Promise<string> {
  const model = buildModel(records);
  const hasPublished = model.fidelity.all.measured > 0;
  const tables: Html[] = [];
  // One after the other: ids of clip paths come from a counter that is reset for each chart.
  if (hasPublished) for (const [index, table] of model.tables.entries()) tables.push(await tableSection(table, model.fidelity.tables[index]));
  const body = html`${pageHeader(model, hasPublished)}
<main id="main" tabindex="-1">
${hasPublished ? await summarySection(model) : nothingPublished(model)}
${tables}
${otherSection(model.others)}
${await stallSection(model.stalls)}
${lockSection(model.locks)}
${warningSection(model.warnings)}
${methodSection(model)}
</main>
<footer><p>Made by mmulab from results files alone. This page loads nothing and runs no script.</p></footer>`;
  return page(body).markup;
}

function page(body: Html): Html {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="mmulab">
<title>${TITLE}</title>
<link rel="icon" href="data:,">
<style>${new Html(PAGE_STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
${body}
</body>
</html>
`;
}

function pageHeader(model: ReportModel, hasPublished: boolean): Html {
  return html`<header>
<p class="eyebrow">mmulab report</p>
<h1>${TITLE}</h1>
<p class="lead">In 2022 ${PUBLISHED_POST.author} posted what happens to a virtual machine's memory speed when dirty logging starts, with huge pages split lazily by faults or eagerly by the thread that asked.
Here the same tables are run again on a simulated KVM MMU, every 4 KiB page a page, and shown beside the published numbers.</p>
${facts(model.provenance)}
${navigation(model, hasPublished)}
</header>`;
}

function facts(provenance: Provenance): Html {
  const seconds = provenance.wallSeconds;
  const rows: [string, string, boolean][] = [
    ['commit', provenance.commits.map(shortCommit).join(', '), false],
    ['machine profile (hash)', provenance.profiles.join('; '), false],
    ['engine', provenance.engines.join(', '), false],
    ['seeds', provenance.seeds, false],
    ['records', `${provenance.records}, ${digits(seconds, 3)} s of work, ${provenance.startedAt.slice(0, 10)}`, false],
    ['computed on', provenance.hosts.join('; '), true],
  ];
  return html`<dl class="facts">${rows.map(([name, value, wide]) => html`<div${wide && html` class="wide"`}><dt>${name}</dt><dd>${value === '' ? '-' : value}</dd></div>\n`)}</dl>`;
}

function navigation(model: ReportModel, hasPublished: boolean): Html {
  const tables = hasPublished ? model.tables.map(({ number, definition }): [string, string] => [definition.id, `${number} ${definition.shortName}`]) : [];
  const rest: [string, string, boolean][] = [
    ['other', 'Other cells', model.others.length > 0],
    ['stalls', 'Stalls', model.stalls.length > 0],
    ['locks', 'Locks', model.locks.length > 0],
    ['warnings', `Warnings (${model.warnings.length})`, true],
    ['method', 'Method and limits', true],
  ];
  const links = [...tables, ...rest.filter(([, , shown]) => shown).map(([id, name]): [string, string] => [id, name])];
  return html`<nav aria-label="Sections"><ol>${links.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>\n`)}</ol></nav>`;
}

function nothingPublished({ fidelity }: ReportModel): Html {
  return html`<section><h2>Published tables</h2><p>No record belongs to a published table: all ${fidelity.all.cells} cells are missing. <code>npm start</code> runs them.</p></section>`;
}

async function summarySection(model: ReportModel): Promise<Html> {
  const strip = ratioStrip(model.tables);
  const labels = {
    id: 'chart-ratios',
    title: 'Simulated / published, every cell',
    description: `One mark per cell, one row per table; 1 is perfect. ${scoreSentence(model)}`,
  };
  return html`<section class="summary" id="summary" aria-label="Summary">
<div>
${model.headline !== undefined && headlineTable(model.headline)}
${scores(model)}
<p class="fine">${fitPhrase(allCells(model.tables))} ${model.fitNote}</p>
</div>
${strip !== undefined && html`<figure><figcaption>Every cell: simulated / published. Band: within 10 %; dotted: a factor of 1.5. Circles lazy, diamonds eager.</figcaption>${await renderSvg(strip, labels)}</figure>`}
</section>
`;
}

function scoreSentence({ fidelity, tables, headline }: ReportModel): string {
  const parts = [
    `All: ${errorPhrase(fidelity.all, FIDELITY_LIMITS.all)}`,
    `worst cell ${worstPhrase(fidelity, tables) ?? '-'}`,
    ...(headline === undefined ? [] : [headlinePhrase(headline)]),
  ];
  return `${parts.join('; ')}.`;
}

function headlineTable({ vcpus, published, simulated }: Headline): Html {
  const row = (name: string, times: { lazy: number; eager: number }) =>
    html`<tr><th scope="row">${name}</th><td>${digits(times.lazy, 3)} s</td><td>${digits(times.eager, 2)} s</td></tr>`;
  return html`<table class="headline"><caption><span>Time for ${vcpus} vCPUs to write 1 GiB each after dirty logging was enabled</span></caption>
<thead><tr><td></td><th scope="col" class="arm lazy">lazy</th><th scope="col" class="arm eager">eager</th></tr></thead>
<tbody>${row('published', published)}${row('simulated', simulated)}</tbody></table>`;
}

function scores({ fidelity, tables }: ReportModel): Html {
  const worst = fidelity.all.worst?.ratio;
  const place =
    worstPhrase(fidelity, tables)
      ?.replace(/^\S+ /, '')
      .replace(/ \(.*$/, '') ?? '';
  return html`<dl class="score">
${score(`geometric-mean error, ${cellsOf(fidelity.all)}`, fidelity.all, FIDELITY_LIMITS.all)}
${score(`the ${cellsOf(fidelity.dirtyMemory)} of dirty memory time`, fidelity.dirtyMemory, FIDELITY_LIMITS.dirtyMemory)}
${worst !== undefined && html`<div${misfit(worst) > FIDELITY_LIMITS.worst && html` class="over"`}><dt>worst cell, ${place}</dt><dd class="value">${formatRatio(worst)}</dd><dd class="note">limit ${FIDELITY_LIMITS.worst.toFixed(2)} either way</dd></div>`}
</dl>`;
}

function cellsOf(summary: ErrorSummary): string {
  return summary.measured === summary.cells
    ? `${summary.cells} cells`
    : `${summary.measured} of ${summary.cells} cells (${summary.cells - summary.measured} missing)`;
}

function score(name: string, summary: ErrorSummary, limit: number): Html {
  const isOver = summary.error !== undefined && summary.error > limit;
  return html`<div${isOver && html` class="over"`}><dt>${name}</dt><dd class="value">${summary.error === undefined ? '-' : formatError(summary.error)}</dd><dd class="note">limit ${limit.toFixed(2)}${isOver && ', exceeded'}</dd></div>`;
}

function methodSection({ provenance, fitNote }: ReportModel): Html {
  return html`<section id="method" aria-labelledby="method-h"><h2 id="method-h">Method and limits</h2>
<div class="columns">
<div><h3>Where the published numbers come from</h3>
<p>${PUBLISHED_POST.author}, "${PUBLISHED_POST.title}", ${PUBLISHED_POST.date} (Message ID <code>${PUBLISHED_POST.messageId}</code>), and his reply of 7 March 2022 for the rows with 20 % writes. Host: ${PUBLISHED_POST.host}. Test: dirty_log_perf_test, tdp_mmu=N, 1 GiB per vCPU in 1 GiB HugeTLB pages.</p>
<h3>The machine profile</h3>
<p>${provenance.profiles.join('; ')}. ${fitNote} No constant depends on the vCPU count or on a cell: scaling comes from queueing, walks, cache-line transfers and wakeups.</p>
<h3>How to read a number</h3>
<p>${MISFIT_LEGEND} The geometric-mean error is exp(mean |ln ratio|): 1 is perfect, 1.10 says that a typical cell is 10 % off in one direction or the other. Virtual time is exact for one seed; where the order in which vCPUs first arrive decides the number, the median over seeds and their range are shown.</p></div>
<div><h3>What this does not measure</h3>
<ul>
<li>No kernel ran: these are the algorithms of KVM's MMU over a model of a machine, not KVM itself.</li>
<li>Virtual time says nothing about the computer that made this page.</li>
<li>The host of the post is not known in detail; its caches, clock speeds and placement of threads are folded into the profile's constants.</li>
<li>Guests do nothing but touch memory: no interrupts, no devices, no neighbours, no swapping.</li>
<li>A sampled number of the threads engine holds for the host named above, and only up to its count of cores.</li>
</ul>
<h3>How to make this page again</h3>
<p>From the results files alone, or from nothing but a clone:</p>
<pre tabindex="0">npx mmulab report results/*.ndjson -o report.html
npm ci &amp;&amp; npm start</pre></div>
</div></section>
`;
}

/** 12 digits of a commit, with its suffix: enough to find it by. */
function shortCommit(commit: string): string {
  return commit.replace(/^([0-9a-f]{12})[0-9a-f]{28}/, '$1');
}
