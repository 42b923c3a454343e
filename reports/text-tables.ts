// Published tables for a terminal: as many configurations side by side as fit, the others below.

import { type Align, alignColumns, type TextCell, visibleWidth, wrapText } from './align.js';
import { type AnswerTable, formatAnswer, inOneLine } from './answers.js';
import { type Grid, type GridCell, gridOf } from './grid.js';
import { allCells, type ComparisonTable } from './match.js';
import type { AnsweredQuestion, PostReport } from './model.js';
import { drawPhrase, errorPhrase, fitPhrase, headlinePhrase, misfitClass, missingPhrase, sourcePhrase, worstPhrase } from './phrases.js';
import { type Page, plain } from './text-page.js';

/** Headings of answers are broken so that they are not much wider than a time. */
const HEADING_WIDTH = 8;

/** One post: its tables, its fidelity, its questions. */
export function postLines(report: PostReport, page: Page): string[][] {
  const heading = wrapText(`${report.post.heading} (${report.post.author}, ${report.post.date})`, page.width).map(page.palette.bold);
  const shown = report.tables.filter((table) => allCells([table]).some(({ simulated }) => simulated !== undefined));
  const tables = report.isMeasured ? [...shown.map((table) => tableLines(table, page)), fidelityLines(report, page)] : [];
  return [heading, ...tables, ...report.questions.flatMap((one) => questionLines(one, page)), absentLines(report, shown, page)];
}

/** What these results say nothing of, in one paragraph: a run of one cell is not followed by pages of gaps. */
function absentLines({ tables, questions, post }: PostReport, shown: readonly ComparisonTable[], { width, palette }: Page): string[] {
  const numbers = tables.filter((table) => !shown.includes(table)).map(({ number }) => number);
  const open = questions.filter(({ answer }) => answer === undefined).map(({ question }) => question.title);
  if (numbers.length + open.length === 0) return [];
  const parts = [...(numbers.length > 0 ? [`No cell of table ${numbers.join(', ')}.`] : []), ...(open.length > 0 ? ['Not answered:', ...open] : [])];
  const what = post.relatedSuites === undefined ? 'all of it' : 'the tables';
  return wrapText(`${parts.join(' ')} "mmulab run ${post.suite}" runs ${what}, and the page has the command for each question.`, width).map(palette.dim);
}

function tableLines(table: ComparisonTable, page: Page): string[] {
  const { palette } = page;
  const cells = allCells([table]);
  const { title, condition, group } = table.definition;
  const name = `${table.number}. "${title}" (${[group, condition].filter((part) => part !== undefined).join(', ')})`;
  const notes = [fitPhrase(cells), drawPhrase(cells), missingPhrase(table)].filter((note) => note !== undefined && note !== '').join(' ');
  return [...wrapText(name, page.width).map(palette.bold), ...gridLines(table, page), ...wrapText(notes, page.width).map(palette.dim)];
}

/** Columns under one heading. */
interface Group {
  heading: string;
  names: string[];
  /** One list of cells for each row. */
  rows: TextCell[][];
}

interface Style {
  withRange: boolean;
  /** "published" and "simulated", or "post" and "sim". */
  isShort: boolean;
}

function gridLines(table: ComparisonTable, page: Page): string[] {
  const grid = gridOf(table);
  const worst = table.post.limits.worst;
  const { withRange } = grid;
  const styles: Style[] = [
    { withRange, isShort: false },
    { withRange, isShort: true },
  ];
  const layouts = styles.map((style) => groupsOf(grid, { style, page, worst }));
  const labels = grid.rows.map(({ label }) => label);
  const fitting = layouts.map((groups) => blockLines(grid.rowHeading, labels, groups, page)).find((lines) => fits(lines, page));
  return fitting ?? splitBlocks(layouts[layouts.length - 1], (groups) => blockLines(grid.rowHeading, labels, groups, page), page);
}

/** Puts groups side by side while they fit, and the others into further blocks. */
function splitBlocks(groups: readonly Group[], draw: (groups: readonly Group[]) => string[], page: Page): string[] {
  const blocks: Group[][] = [];
  for (const group of groups) {
    const open = blocks[blocks.length - 1];
    if (open !== undefined && fits(draw([...open, group]), page)) open.push(group);
    else blocks.push([group]);
  }
  return blocks.flatMap((block) => draw(block));
}

function fits(lines: readonly string[], { width }: Page): boolean {
  return lines.every((line) => visibleWidth(line.replace(/\u001b\[\d+m/g, '')) <= width);
}

function groupsOf(grid: Grid, { style, page, worst }: { style: Style; page: Page; worst: number }): Group[] {
  const [published, simulated] = style.isShort ? ['post', 'sim'] : ['published', 'simulated'];
  const columns = grid.columns.map(({ heading, hasPublished }, index): Group => {
    const names = hasPublished ? [published, simulated, 'ratio'] : [simulated];
    if (style.withRange) names.push('range');
    const rows = grid.rows.map(({ cells }) => cellTexts(cells[index], { hasPublished, withRange: style.withRange, page, worst }));
    return { heading, names, rows };
  });
  if (grid.derived === undefined) return columns;
  const { name, hasPublished } = grid.derived;
  const pick = (derived: { published: string; simulated: string } | undefined) =>
    (hasPublished ? [derived?.published, derived?.simulated] : [derived?.simulated]).map((text) => plain(text ?? '-'));
  return [...columns, { heading: name, names: hasPublished ? [published, simulated] : [simulated], rows: grid.rows.map(({ derived }) => pick(derived)) }];
}

function cellTexts(cell: GridCell, options: { hasPublished: boolean; withRange: boolean; page: Page; worst: number }): TextCell[] {
  const { palette } = options.page;
  const level = cell.far === undefined ? 0 : misfitClass(cell.far, options.worst);
  const ratio = `${cell.predicted && cell.far !== undefined ? 'p' : ''}${cell.ratio}`;
  const simulated = plain(cell.simulated, cell.missing === undefined ? undefined : palette.hot);
  return [
    ...(options.hasPublished
      ? [plain(cell.published), simulated, plain(ratio, level === 3 ? palette.hot : level === 2 ? palette.warm : undefined)]
      : [simulated]),
    ...(options.withRange ? [plain(cell.range, palette.dim)] : []),
  ];
}

/** Headings over the columns, each over its first one; its last column is widened where the heading needs it. */
function blockLines(rowHeading: string, labels: readonly string[], groups: readonly Group[], { palette }: Page): string[] {
  const head = [plain(rowHeading), ...groups.flatMap(({ names }) => names.map((name) => plain(name)))];
  const body = labels.map((label, row) => [plain(label), ...groups.flatMap((group) => group.rows[row])]);
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => visibleWidth(row[column].text))));
  let column = 1;
  const starts = groups.map(({ heading, names }) => {
    const last = column + names.length - 1;
    const width = widths.slice(column, last + 1).reduce((sum, one) => sum + one + 2, -2);
    if (visibleWidth(heading) > width) widths[last] += visibleWidth(heading) - width;
    column = last + 1;
    return { heading, width: Math.max(width, visibleWidth(heading)) };
  });
  const padded = head.map(({ text }, index) => plain(text.padStart(widths[index])));
  const numeric = labels.every((label) => /^\d+$/.test(label));
  const aligns = head.map((_, index): Align => (index === 0 && !numeric ? 'left' : 'right'));
  if (!numeric) padded[0] = plain(rowHeading);
  const [headLine, ...lines] = alignColumns([padded, ...body], aligns);
  const over = `${' '.repeat(widths[0] + 2)}${starts.map(({ heading, width }) => heading.padEnd(width)).join('  ')}`.trimEnd();
  return [palette.dim(over), palette.dim(headLine), ...lines];
}

function fidelityLines(report: PostReport, { width, palette }: Page): string[] {
  const { fidelity, tables, post } = report;
  const worst = worstPhrase(fidelity, tables);
  const parts = fidelity.fitted.cells > 0 && fidelity.predicted.cells > 0;
  const rows: [string, string][] = [
    ['all cells', errorPhrase(fidelity.all, fidelity.limits.all)],
    ...fidelity.subsets.map((subset): [string, string] => [subset.name, errorPhrase(subset, subset.limit)]),
    ...(parts
      ? ([
          ['fitted', errorPhrase(fidelity.fitted)],
          ['predicted', errorPhrase(fidelity.predicted)],
        ] as [string, string][])
      : []),
    ...fidelity.tables.map((summary, index): [string, string] => [`table ${index + 1}`, errorPhrase(summary)]),
    ...(worst === undefined ? [] : [['worst cell', worst] as [string, string]]),
  ];
  const headline = report.headline === undefined ? [] : wrapText(headlinePhrase(report.headline, post), width);
  const lines = rows.flatMap(([name, value]) => wrapText(`${name.padEnd(12)}  ${value}`.replace(/ (?= )/g, '\u00a0'), width, '\u00a0'.repeat(14)));
  return [
    palette.bold('Fidelity: geometric-mean error exp(mean |ln(simulated / published)|)'.slice(0, width)),
    ...lines.map((line) => line.replace(/\u00a0/g, ' ')),
    ...headline,
    ...[report.fitNote, sourcePhrase(post)].flatMap((note) => wrapText(note, width).map(palette.dim)),
  ];
}

function questionLines({ question, answer }: AnsweredQuestion, { width, palette }: Page): string[][] {
  if (answer === undefined) return [];
  const heading = wrapText(question.title, width).map(palette.bold);
  const asked = wrapText(question.asked, width).map(palette.dim);
  return [[...heading, ...asked, ...answerLines(formatAnswer(answer), { width, palette }), ...wrapText(answer.sentence, width)]];
}

/** Headings are broken into lines, minor columns and then ranges left out, and at last rows become paragraphs, until the table fits. */
function answerLines({ columns, rows }: AnswerTable, page: Page): string[] {
  const bare = { columns, rows: rows.map((row) => row.map(({ text }) => text)) };
  const whole = { columns, rows: rows.map((row) => row.map(inOneLine)) };
  const drawn = [whole, bare].flatMap((table) => layoutsOf(table, page));
  return drawn.find((lines) => fits(lines, page)) ?? narrowRows(bare, page.width);
}

/** An answer's table with one text for each value. */
interface TextTable {
  columns: AnswerTable['columns'];
  rows: string[][];
}

function layoutsOf(table: TextTable, page: Page): string[][] {
  const shown = [true, false].map((withMinor) => table.columns.flatMap(({ isMinor }, index) => (withMinor || !isMinor ? [index] : [])));
  return shown.flatMap((indexes) => [false, true].map((isBroken) => drawAnswer(table, { indexes, isBroken, page })));
}

function drawAnswer({ columns, rows }: TextTable, { indexes, isBroken, page }: { indexes: readonly number[]; isBroken: boolean; page: Page }): string[] {
  const parts = indexes.map((index) => (isBroken ? breakHeading(columns[index].name) : [columns[index].name]));
  const height = Math.max(...parts.map((lines) => lines.length));
  // The last lines of all headings stand side by side, over the first row.
  const head = Array.from({ length: height }, (_, line) => parts.map((lines) => plain(lines[line - height + lines.length] ?? '')));
  const body = rows.map((row) => indexes.map((index) => plain(row[index])));
  const lines = alignColumns(
    [...head, ...body],
    indexes.map((index): Align => (columns[index].isNumber ? 'right' : 'left')),
  );
  return lines.map((line, index) => (index < height ? page.palette.dim(line) : line));
}

/** "array-hva-tree / tree" in lines of about 8 columns, broken at spaces and after hyphens. */
function breakHeading(name: string): string[] {
  const lines: string[] = [''];
  for (const piece of name.split(/(?<=[ -])/)) {
    if (visibleWidth(lines[lines.length - 1] + piece.trimEnd()) > HEADING_WIDTH) lines.push('');
    lines[lines.length - 1] += piece;
  }
  return lines.map((line) => line.trimEnd()).filter((line) => line !== '');
}

/** A table that is too wide, as one paragraph a row: "memslots 10, array 1.200 ms". */
function narrowRows({ columns, rows }: TextTable, width: number): string[] {
  return rows.flatMap((row) => wrapText(row.map((text, index) => `${columns[index].name} ${text}`).join(', '), width, '  '));
}
