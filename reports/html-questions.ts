// The section of the page for what was asked in a thread: each question with its words, one sentence, a table, and a chart where it has one.

import { formatAnswer } from './answers.js';
import { describeGrowth, growthChart } from './chart-growth.js';
import { type Html, html } from './escape.js';
import { colorKeys, scrollable } from './html-tables.js';
import type { AnsweredQuestion, PostReport } from './model.js';
import type { Answer, Question } from './questions/index.js';
import { renderSvg } from './svg.js';

/** All questions of a post; those without cells say how to run them. `undefined` for a post without any. */
export async function questionSection({ post, questions }: PostReport): Promise<Html | undefined> {
  if (questions.length === 0) return undefined;
  const answered: Html[] = [];
  for (const { question, answer } of questions) if (answer !== undefined) answered.push(await questionBlock(question, answer));
  const open = questions.filter(({ answer }) => answer === undefined);
  const id = `${post.id}-questions`;
  return html`<section id="${id}" aria-labelledby="${id}-h"><h3 id="${id}-h">Questions of the thread</h3>
<p>What was asked, answered by numbers of these results. Every sentence is made from the table beside it. No number here was published.</p>
${answered}${open.length > 0 && openList(open)}</section>
`;
}

async function questionBlock(question: Question, answer: Answer): Promise<Html> {
  const { id, title, asked } = question;
  const chart = answer.chart === undefined ? undefined : await chartFigure(question, answer.chart);
  return html`<article id="${id}" aria-labelledby="${id}-h"><h4 id="${id}-h">${title}</h4>
<p class="fine">${asked}</p>
<p>${answer.sentence}</p>
${chart === undefined ? answerTable(title, answer) : html`<div class="pair">${chart}${answerTable(title, answer)}</div>`}
</article>
`;
}

async function chartFigure({ id, title }: Question, chart: NonNullable<Answer['chart']>): Promise<Html> {
  const svg = await renderSvg(growthChart(chart), { id: `chart-${id}`, title, description: describeGrowth(chart) });
  return html`<figure><ul class="legend">${colorKeys(chart.lines)}</ul>${svg}</figure>`;
}

function answerTable(title: string, answer: Answer): Html {
  const { columns, rows } = formatAnswer(answer);
  const left = (index: number) => !columns[index].isNumber && html` class="l"`;
  const head = columns.map(({ name }, index) => html`<th scope="col"${left(index)}>${name}</th>`);
  const body = rows.map((row) => html`<tr>${row.map((text, index) => html`<td${left(index)}>${text}</td>`)}</tr>\n`);
  return scrollable(`Numbers: ${title}`, html`<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`);
}

function openList(open: readonly AnsweredQuestion[]): Html {
  const items = open.map(({ question: { title, command } }) => html`<li>${title}${command !== undefined && html`<br><code>npx ${command}</code>`}</li>\n`);
  return html`<article><h4>Not in these results</h4><ul class="open">${items}</ul></article>
`;
}
