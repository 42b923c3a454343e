// Columns of plain text: aligned, with the padding outside of the colour codes.

/** How a column is laid out. */
export type Align = 'left' | 'right';

/** One cell of a text table; `paint` colours it and must not change its visible width. */
export interface TextCell {
  text: string;
  paint?: (text: string) => string;
}

/** Rows of equal length as lines, columns two spaces apart, no trailing space. */
export function alignColumns(rows: readonly (readonly TextCell[])[], aligns: readonly Align[]): string[] {
  const widths = aligns.map((_, column) => Math.max(0, ...rows.map((row) => visibleWidth(row[column].text))));
  return rows.map((row) =>
    row
      .map((cell, column) => padCell(cell, widths[column], aligns[column], column === row.length - 1))
      .join('  ')
      .trimEnd(),
  );
}

/**
 * As `alignColumns`, but leaves out columns, in the order of `dropOrder`, until the lines fit `width`.
 * What cannot be made to fit is returned as it is.
 */
export function alignFitting(
  rows: readonly (readonly TextCell[])[],
  aligns: readonly Align[],
  { width, dropOrder }: { width: number; dropOrder: readonly number[] },
): string[] {
  for (let dropped = 0; ; dropped++) {
    const keep = (_: unknown, column: number) => !dropOrder.slice(0, dropped).includes(column);
    const kept = rows.map((row) => row.filter(keep));
    const bare = alignColumns(
      kept.map((row) => row.map(({ text }) => ({ text }))),
      aligns.filter(keep),
    );
    if (dropped === dropOrder.length || bare.every((line) => visibleWidth(line) <= width)) return alignColumns(kept, aligns.filter(keep));
  }
}

/** Cuts text to `width` code points, the last of them an ellipsis. */
export function cutText(text: string, width: number): string {
  const points = [...text];
  return points.length <= width ? text : `${points.slice(0, width - 1).join('')}…`;
}

function padCell(cell: TextCell, width: number, align: Align, isLast: boolean): string {
  const padding = ' '.repeat(Math.max(0, width - visibleWidth(cell.text)));
  const painted = cell.paint === undefined ? cell.text : cell.paint(cell.text);
  if (align === 'right') return padding + painted;
  return isLast ? painted : painted + padding;
}

/** Code points; wide characters do not occur in what reports print themselves. */
export function visibleWidth(text: string): number {
  return [...text].length;
}

/** Breaks text at spaces into lines of at most `width`; a longer word is cut. Following lines are indented by `indent`. */
export function wrapText(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((one) => cutWord(one, Math.max(8, width - indent.length)))) {
    if (line !== '' && visibleWidth(line) + 1 + visibleWidth(word) > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function cutWord(word: string, width: number): string[] {
  const points = [...word];
  const pieces: string[] = [];
  for (let from = 0; from < points.length; from += width) pieces.push(points.slice(from, from + width).join(''));
  return pieces.length > 0 ? pieces : [''];
}
