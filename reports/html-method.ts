// The last section of the page: sources, how to read a number, and what none of it measures.

import { type Html, html } from './escape.js';
import type { PostReport, ReportModel } from './model.js';
import { misfitLegend } from './phrases.js';

/** Sources, method and limits. */
export function methodSection({ provenance, posts }: ReportModel): Html {
  return html`<section id="method" aria-labelledby="method-h"><h2 id="method-h">Method and limits</h2>
<div class="columns">
<div><h3>Where the published numbers come from</h3>
${posts.map(sourceParagraph)}
<h3>The machine profiles</h3>
<p>${provenance.profiles.join('; ')}. No constant depends on the vCPU count, the memslot count or a cell: scaling comes from queueing, walks, cache-line transfers and wakeups.</p>
${posts.filter((report) => report.isMeasured).map(({ post, fitNote }) => html`<p>${post.shortName}: ${fitNote}</p>\n`)}
<h3>How to read a number</h3>
${posts.map(({ post }) => html`<p>${posts.length > 1 && `${post.shortName}: `}${misfitLegend(post)}</p>\n`)}
<p>The geometric-mean error is exp(mean |ln ratio|): 1 is perfect, 1.10 says that a typical cell is 10 % off in one direction or the other. Virtual time is exact for one seed; where the order in which vCPUs first arrive decides the number, the median over seeds and their range are shown.</p></div>
<div><h3>What this does not measure</h3>
<ul>
<li>No kernel ran: these are the algorithms of KVM's memory management over a model of a machine, not KVM itself.</li>
<li>Virtual time says nothing about the computer that made this page.</li>
<li>The hosts of the posts are not known in detail; caches, clock speeds and placement of threads are folded into the profiles' constants.</li>
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

function sourceParagraph({ post }: PostReport): Html {
  const { author, title, date, messageId, alsoIn, host, method } = post;
  return html`<p>${author}, "${title}", ${date}${messageId !== undefined && html` (Message ID <code>${messageId}</code>)`}${alsoIn !== undefined && `, ${alsoIn}`}. Host: ${host}. Test: ${method}</p>\n`;
}
