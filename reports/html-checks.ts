// The section of the page for checked interleavings: what holds, which planted bugs were found, and the short history of each failure.

import type { CheckRow, ChecksReport, FailureReport } from './checks.js';
import { timeText } from './checks-text.js';
import { type Html, html } from './escape.js';
import { scrollable } from './html-tables.js';
import { formatCount } from './units.js';

/** All checks; nothing at all where there are none. */
export function checksSection(checks: ChecksReport | undefined): Html | undefined {
  if (checks === undefined) return undefined;
  const { protocols, right, planted } = checks;
  const broken = right.filter(({ failure }) => failure !== undefined);
  return html`<section id="checks" aria-labelledby="checks-h"><h2 id="checks-h">Checked interleavings</h2>
<p>Small cases of lockless protocols, run in every order in which their steps can interleave, as far as a row says so. Schedules that only repeat others are pruned. "Holds" is a proof for that case and memory order, and for no larger one; "unfinished" is none.</p>
${protocols.map(({ name, summary, claims }) => html`<details><summary>${name}: ${summary}</summary><ul class="open">${claims.map((one) => html`<li><b>${one.name}</b> ${one.claim}</li>\n`)}</ul></details>\n`)}
${right.length > 0 && checksTable('Right versions', right)}
${broken.map(failureBlock)}
${planted.length > 0 && html`<h3>Planted bugs</h3><p>Each is one mistake, planted into the same code. A checker that does not find them proves nothing.</p>${checksTable('Planted bugs', planted)}`}
${planted.map(failureBlock)}
</section>
`;
}

function checksTable(caption: string, rows: readonly CheckRow[]): Html {
  const words = ['protocol', rows.some(({ plant }) => plant !== undefined) ? 'planted bug' : 'claims', 'memory order', 'search', 'verdict'];
  const numbers = ['vCPUs', 'schedules', 'pruned', 'steps', 'time', 'schedules per minute'];
  const head = html`<tr>${words.map((name) => html`<th scope="col" class="l">${name}</th>`)}${numbers.map((name) => html`<th scope="col">${name}</th>`)}</tr>`;
  const body = rows.map((row, index) => tableRow(row, index > 0 && rows[index - 1].protocol === row.protocol));
  return scrollable(caption, html`<table class="checks"><caption><span>${caption}</span></caption><thead>${head}</thead><tbody>${body}</tbody></table>`);
}

function tableRow(row: CheckRow, sameProtocol: boolean): Html {
  const { plant, isAsExpected, perMinute } = row;
  const counts = [row.schedules, row.pruned, row.steps].map(formatCount);
  const texts = [String(row.vcpus), ...counts, timeText(row), perMinute === undefined ? '-' : formatCount(perMinute)];
  return html`<tr${!sameProtocol && html` class="block"`}><th scope="row" class="l">${row.protocol}</th><td class="l long">${plant === undefined ? row.claims.join(', ') : html`${plant.name}<span class="sub">${plant.what}</span>`}</td><td class="l">${row.memoryOrder}</td><td class="l">${row.scheduler}</td><td class="l${!isAsExpected && ' bad'}">${row.verdict}</td>${texts.map((text) => html`<td>${text}</td>`)}</tr>\n`;
}

/** A failure: what broke, the command that replays it, and the steps that matter. */
function failureBlock({ protocol, plant, vcpus, memoryOrder, failure }: CheckRow): Html | undefined {
  if (failure === undefined) return undefined;
  const name = `${protocol}, ${plant?.name ?? 'right version'}, ${vcpus} ${vcpus === 1 ? 'vCPU' : 'vCPUs'}, ${memoryOrder}`;
  return html`<article><h4>${name}: ${failure.claim}</h4>
<p>${failure.message}</p>
<pre tabindex="0">npx ${failure.command}</pre>
<details><summary>Short history</summary>${scrollable(`History: ${name}`, historyTable(failure))}
<p class="fine">Steps left out, since what others do does not depend on them: ${formatCount(failure.leftOut)}. Trace <code>${failure.traceHash}</code>: a replay has the same.</p></details></article>
`;
}

function historyTable({ actors, steps }: FailureReport): Html {
  const head = html`<tr><th scope="col">step</th>${actors.map((name) => html`<th scope="col" class="l">${name}</th>`)}</tr>`;
  const body = steps.map(
    ({ step, actor, what }) =>
      html`<tr><th scope="row">${step}</th>${actors.map((_, index) => html`<td class="l step">${index === actor && what}</td>`)}</tr>\n`,
  );
  return html`<table><caption><span>Time runs downwards</span></caption><thead>${head}</thead><tbody>${body}</tbody></table>`;
}
