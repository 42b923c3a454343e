// Checked interleavings as Markdown.

import type { CheckRow, ChecksReport } from './checks.js';
import { timeText } from './checks-text.js';
import { cleanText, escapeMarkdown } from './escape.js';
import { formatCount } from './units.js';

/** The tables of right versions and of planted bugs, and the command that replays each failure. */
export function checksMarkdown({ protocols, right, planted }: ChecksReport): string[] {
  const claims = protocols.map(({ name, summary, claims: own }) => {
    const list = own.map(({ name: claim, claim: text }) => `${claim} (${text})`).join('; ');
    return `- ${escapeMarkdown(`${name}: ${summary}. Claims: ${list}`)}`;
  });
  return [
    '### Checked interleavings',
    '',
    ...claims,
    '',
    ...(right.length > 0 ? [...table(right), ''] : []),
    ...(planted.length > 0 ? ['Planted bugs:', '', ...table(planted), ''] : []),
    ...[...right, ...planted].flatMap(failureItem),
  ];
}

function table(rows: readonly CheckRow[]): string[] {
  const head = ['protocol', 'version', 'memory order', 'search', 'verdict', 'vCPUs', 'schedules', 'pruned', 'steps', 'time', 'schedules per minute'];
  const body = rows.map((row) => [
    ...[row.protocol, row.plant?.name ?? 'right', row.memoryOrder, row.scheduler, row.verdict, String(row.vcpus)],
    ...[row.schedules, row.pruned, row.steps].map(formatCount),
    ...[timeText(row), row.perMinute === undefined ? '-' : formatCount(row.perMinute)],
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [line(head), `|${head.map((_, index) => (index < 5 ? '---' : '---:')).join('|')}|`, ...body.map(line)];
}

function failureItem({ protocol, plant, failure }: CheckRow): string[] {
  if (failure === undefined) return [];
  const name = `${protocol}, ${plant === undefined ? 'right' : `${plant.name} (${plant.what})`}`;
  return [`- ${escapeMarkdown(`${name}: ${failure.claim}: ${failure.message}`)}`, '', ...codeBlock(failure.command), ''];
}

/** An indented code block of one line, in the list item: nothing in it is markup. */
function codeBlock(text: string): string[] {
  return [`      ${cleanText(text)}`];
}
