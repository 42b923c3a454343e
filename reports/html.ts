// The page: one file without script and without network. Strings of the records pass through the `html` tag, which escapes them.

import type { StoredRecord } from '../bench/results/index.js';
import { Html, html } from './escape.js';
import { checksSection } from './html-checks.js';
import { lockSection, otherSection, stallSection, warningSection } from './html-details.js';
import { methodSection } from './html-method.js';
import { postSection } from './html-post.js';
import { PAGE_STYLE } from './html-style.js';
import { buildModel, type PostReport, type Provenance, type ReportModel } from './model.js';
import { nothingPhrase } from './phrases.js';
import { digits } from './units.js';

const LEAD =
  'Measurements that KVM developers posted about the scalability of its memory management, run again on a simulated KVM and shown beside the published numbers.';
const CHECKS_LEAD =
  'Lockless protocols of a simulated KVM, run in every order in which the steps of small cases can interleave, each right and with bugs planted into it.';
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** report.html for `records`: the same records give the same bytes, in whatever order they come. */
export async function renderReportHtml(records: readonly StoredRecord[]): Promise<string> {
  const model = buildModel(records);
  const shown = model.posts.filter((post) => post.isShown);
  const sections: Html[] = [];
  // One after the other: ids of clip paths come from a counter that is reset for each chart.
  for (const post of shown) sections.push(await postSection(post));
  const body = html`${pageHeader(model, shown)}
<main id="main" tabindex="-1">
${sections}
${nothingSection(model)}
${checksSection(model.checks)}
${otherSection(model.others)}
${await stallSection(model.stalls)}
${lockSection(model.locks)}
${warningSection(model.warnings)}
${!isOfChecks(model) && methodSection(model)}
</main>
<footer><p>Made by mmulab from results files alone. This page loads nothing and runs no script.</p></footer>`;
  return page(titleOf(model, shown), body).markup;
}

/** The one post that has something to show, or what all of them are. */
function titleOf({ checks, posts }: ReportModel, shown: readonly PostReport[]): string {
  if (isOfChecks({ checks, posts })) return 'Checked interleavings';
  return shown.length === 1 ? `${shown[0].post.heading}: published and simulated` : 'KVM memory management: published and simulated';
}

/** Results of checks and of nothing else. */
function isOfChecks({ checks, posts }: Pick<ReportModel, 'checks' | 'posts'>): boolean {
  return checks !== undefined && posts.length === 0;
}

function page(title: string, body: Html): Html {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="mmulab">
<title>${title}</title>
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

function pageHeader(model: ReportModel, shown: readonly PostReport[]): Html {
  return html`<header>
<p class="eyebrow">mmulab report</p>
<h1>${titleOf(model, shown)}</h1>
<p class="lead">${isOfChecks(model) ? CHECKS_LEAD : LEAD}</p>
${facts(model.provenance)}
${navigation(model, shown)}
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

function navigation(model: ReportModel, shown: readonly PostReport[]): Html {
  const rest: [string, string, boolean][] = [
    ['checks', 'Checked interleavings', model.checks !== undefined],
    ['other', 'Other cells', model.others.length > 0],
    ['stalls', 'Stalls', model.stalls.length > 0],
    ['locks', 'Locks', model.locks.length > 0],
    ['warnings', `Warnings (${model.warnings.length})`, true],
    ['method', 'Method and limits', !isOfChecks(model)],
  ];
  const links = rest.filter(([, , isShown]) => isShown).map(([id, name]): [string, string] => [id, name]);
  const lists = [...shown.map((one) => ({ heading: shown.length > 1 ? one.post.shortName : undefined, id: one.post.id, links: postLinks(one) })), { links }];
  return html`<nav aria-label="Sections">${lists.map((list) => navigationList(list))}</nav>`;
}

function postLinks({ tables, questions, isMeasured, post }: PostReport): [string, string][] {
  const own = isMeasured ? tables.map(({ number, definition }): [string, string] => [definition.id, `${number} ${definition.shortName}`]) : [];
  return questions.length === 0 ? own : [...own, [`${post.id}-questions`, 'Questions of the thread']];
}

function navigationList({ heading, id, links }: { heading?: string; id?: string; links: readonly [string, string][] }): Html {
  return html`<ol>${heading !== undefined && html`<li><a class="post" href="#${id}">${heading}</a></li>\n`}${links.map(([target, name]) => html`<li><a href="#${target}">${name}</a></li>\n`)}</ol>`;
}

/** Posts of which these results have no published cell. */
function nothingSection({ posts }: ReportModel): Html | undefined {
  const missing = posts.filter((post) => !post.isMeasured);
  if (missing.length === 0) return undefined;
  return html`<section aria-labelledby="nothing-h"><h2 id="nothing-h">Published tables that were not run</h2><ul>${missing.map((post) => html`<li>${nothingPhrase(post)}</li>\n`)}</ul></section>`;
}

/** 12 digits of a commit, with its suffix: enough to find it by. */
function shortCommit(commit: string): string {
  return commit.replace(/^([0-9a-f]{12})[0-9a-f]{28}/, '$1');
}
