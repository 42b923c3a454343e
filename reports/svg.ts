// Vega-Lite specification -> one SVG element for inlining in a page: same bytes for the same specification, ids that cannot collide, a name and a description.

import type { TopLevelSpec } from 'vega-lite';
import { escapeHtml, Html } from './escape.js';

/** How an SVG is named. `id` is a prefix of every id in it and must be unique in the page. */
export interface SvgLabels {
  id: string;
  title: string;
  description: string;
}

/** Renders without a canvas and without a browser. Loads vega on first use (about 0.3 s). Throws when the specification is not valid. */
export async function renderSvg(spec: TopLevelSpec, labels: SvgLabels): Promise<Html> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  useEstimatedTextWidths(vega);
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none', logLevel: vega.Error });
  try {
    return finish(await view.toSVG(), labels);
  } finally {
    view.finalize();
  }
}

/** Keeps an installed canvas package from changing the layout. The type declarations of vega lack `textMetrics`. */
function useEstimatedTextWidths(vega: object): void {
  (vega as { textMetrics?: { canvas(use: boolean): void } }).textMetrics?.canvas(false);
}

function finish(svg: string, { id, title, description }: SvgLabels): Html {
  const viewBox = /viewBox="([^"]+)"/.exec(svg)?.[1] ?? '0 0 100 100';
  const body = svg.slice(svg.indexOf('>') + 1, svg.lastIndexOf('</svg>'));
  const prefixed = body.replace(/ id="([^"]+)"/g, ` id="${id}-$1"`).replace(/url\((?:["']|&quot;)?#([^)"'&]+)(?:["']|&quot;)?\)/g, `url(#${id}-$1)`);
  const [width] = viewBox.split(' ').slice(2).map(Number);
  const head = `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="${viewBox}" style="--natural-width:${width}px">`;
  return new Html(`${head}<title id="${id}-title">${escapeHtml(title)}</title><desc id="${id}-desc">${escapeHtml(description)}</desc>${prefixed}</svg>`);
}
