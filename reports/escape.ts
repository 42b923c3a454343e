// Strings from a results file are foreign: they may hold markup, terminal escapes or text-direction tricks. Every renderer passes them through here.

const CONTROL =
  /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Replaces control characters, bidirectional overrides and lone surrogates by U+FFFD. */
export function cleanText(text: string): string {
  return text.replace(CONTROL, '\ufffd');
}

/** Text for HTML and SVG, in content and in quoted attributes. */
export function escapeHtml(text: string): string {
  return cleanText(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;').replace(/'/g, '&#39;');
}

/** Text for Markdown, in running text and in table cells. */
export function escapeMarkdown(text: string): string {
  return cleanText(text)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[\\`*_[\]|~#!$]/g, '\\$&');
}

/** Markup that is known to be safe. */
export class Html {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
  toString(): string {
    return this.markup;
  }
}

/** What a template may hold: strings and numbers are escaped, `Html` is not, arrays are joined, `undefined` and `false` print nothing. */
export type HtmlPart = Html | string | number | undefined | false | readonly HtmlPart[];

/** Template tag: escapes whatever is not `Html`, so that forgetting to escape is not possible. */
export function html(strings: TemplateStringsArray, ...parts: HtmlPart[]): Html {
  return new Html(strings.map((fixed, index) => fixed + (index < parts.length ? renderPart(parts[index]) : '')).join(''));
}

function renderPart(part: HtmlPart): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Html) return part.markup;
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  return part.map(renderPart).join('');
}
