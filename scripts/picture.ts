// Draws docs/eager-split.svg, the README's picture, from a results file of the published matrix:
//
//   node dist/scripts/picture.js results/published.ndjson

import { writeFileSync } from 'node:fs';
import { readResults } from '../bench/results/index.js';
import { describeTable, publishedChart } from '../reports/chart-published.js';
import { comparePosts } from '../reports/match.js';
import { renderSvg } from '../reports/svg.js';

const PICTURE = new URL('../../docs/eager-split.svg', import.meta.url);

/** The page's custom properties as plain colours on white: a picture in a README has no page around it. */
const COLORS: Record<string, string> = {
  '--c1': '#c85200',
  '--c2': '#0068a5',
  '--rule': '#8a8a82',
  '--grid': '#e6e4dc',
  '--band': '#eeece4',
};

const INK = '#1d2125';

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('Cannot draw the picture: current no results file, expected node dist/scripts/picture.js results/published.ndjson');
const [table] = comparePosts(readResults(path))[0].tables;
const chart = publishedChart(table);
if (chart === undefined) throw new Error(`Cannot draw the picture: current no cell of table 1 in ${path}, expected the published matrix`);
const title = 'Time for all vCPUs to write 1 GiB each after dirty logging was enabled';
const { markup } = await renderSvg(chart, { id: 'eager-split', title, description: describeTable(table) });
writeFileSync(PICTURE, `${withLegend(plainColors(markup))}\n`);

function plainColors(svg: string): string {
  return svg.replace(/var\((--[\w-]+)\)/g, (_match: string, name: string) => COLORS[name] ?? INK).replaceAll('currentColor', INK);
}

/** The page has its legend in HTML: here it is drawn above the chart, with the title, on white. */
function withLegend(svg: string): string {
  const [x, y, width, height] = (/viewBox="([^"]+)"/.exec(svg)?.[1] ?? '0 0 400 300').split(' ').map(Number);
  const line = (row: number, text: string, fill = INK): string =>
    `<text x="${x + 8}" y="${y - 50 + row * 18}" font-family="sans-serif" font-size="12" fill="${fill}">${text}</text>`;
  const legend = [
    line(0, `<tspan font-weight="bold">Time to write 1 GiB per vCPU after dirty logging was enabled</tspan>`),
    line(1, `<tspan fill="${COLORS['--c1']}">orange: lazy splitting</tspan>, <tspan fill="${COLORS['--c2']}">blue: eager splitting</tspan>`),
    line(2, 'dashed with circles: published; solid with diamonds: simulated'),
  ].join('');
  const head = `<svg xmlns="http://www.w3.org/2000/svg" role="img" font-family="sans-serif" viewBox="${x} ${y - 70} ${width} ${height + 78}" width="${width * 1.5}">`;
  const background = `<rect x="${x}" y="${y - 70}" width="${width}" height="${height + 78}" fill="#ffffff"/>`;
  return svg.replace(/<svg[^>]*>/, `${head}${background}`).replace('</svg>', `${legend}</svg>`);
}
