// The section of the page for what was asked in a thread: each question with its words, one sentence, a table, and a chart where it has one.

import { formatAnswer } from './answers.js';
import { describeGrowth, growthChart } from './chart-growth.js';
import { type Html, html } from './escape.js';
import { scrollable, shapeKeys } from './html-tables.js';
import type { AnsweredQuestion, PostReport } from './model.js';
import type { Answer, Question } from './questions/index.js';
import { renderSvg } from './svg.js';

/** Text of more characters is broken into lines in its column. */
const LONG_TEXT = 40;

/** Rows and columns of numbers that have room beside a chart. */
const ROWS_BESIDE = 14;
const COLUMNS_BESIDE = 6;

/** All questions of a post; those without cells say how to run them. `undefined` for a post without any. */
export async function questionSection({ post, questions }: PostReport): Promise<Html | undefined> {
  if (questions.length === 0) return undefined;
  const answered: Html[] = [];
  for (const { question, answer } of questions) if (answer !== undefined) answered.push(await questionBlock(question, answer));
  const open = questions.filter(({ answer }) => answer === undefined);
  const id = `${post.id}-questions`;
  return html`<section id="${id}" aria-labelledby="${id}-h"><h3 id="${id}-h">Questions of the thread</h3>
<p>What was asked, answered by numbers of these results. Every sentence is made from the table beside it. Numbers are simulated, except where a column says that they were published; a range under a number is that over seeds.</p>
${answered}${open.length > 0 && openList(open)}</section>
`;
}

async function questionBlock(question: Question, answer: Answer): Promise<Html> {
  const { id, title, asked } = question;
  const chart = answer.chart === undefined ? undefined : await chartFigure(question, answer.chart);
  return html`<article id="${id}" aria-labelledby="${id}-h"><h4 id="${id}-h">${title}</h4>
<p class="fine">${asked}</p>
${layout(answer, { chart, table: answerTable(title, answer) })}
</article>
`;
}

/** The table beside its chart, or below it where it has too many rows or columns for that. */
function layout({ sentence, rows, columns }: Answer, { chart, table }: { chart: Html | undefined; table: Html }): Html {
  const text = html`<p>${sentence}</p>`;
  if (chart === undefined) return html`${text}\n${table}`;
  if (rows.length > ROWS_BESIDE || columns.length > COLUMNS_BESIDE) return html`<div class="pair">${chart}${text}</div>\n${table}`;
  return html`${text}\n<div class="pair">${chart}${table}</div>`;
}

async function chartFigure({ id, title }: Question, chart: NonNullable<Answer['chart']>): Promise<Html> {
  const svg = await renderSvg(growthChart(chart), { id: `chart-${id}`, title, description: describeGrowth(chart) });
  const { strokes } = chart;
  const kinds = strokes !== undefined && html`<li>solid: ${strokes.solid}</li><li>dashed: ${strokes.dashed}</li>`;
  return html`<figure><ul class="legend">${shapeKeys(chart.lines)}${kinds}</ul>${svg}</figure>`;
}

function answerTable(title: string, answer: Answer): Html {
  const { columns, rows } = formatAnswer(answer);
  const left = (index: number, text = '') => !columns[index].isNumber && html` class="${text.length > LONG_TEXT ? 'l long' : 'l'}"`;
  const head = columns.map(({ name }, index) => html`<th scope="col"${left(index)}>${name}</th>`);
  const body = rows.map(
    (row) =>
      html`<tr>${row.map(({ text, range }, index) => html`<td${left(index, text)}>${text}${range !== '' && html`<span class="sub">${range}</span>`}</td>`)}</tr>\n`,
  );
  return scrollable(`Numbers: ${title}`, html`<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`);
}

function openList(open: readonly AnsweredQuestion[]): Html {
  const items = open.map(({ question: { title, command } }) => html`<li>${title}${command !== undefined && html`<br><code>npx ${command}</code>`}</li>\n`);
  return html`<article><h4>Not in these results</h4><ul class="open">${items}</ul></article>
`;
}
