// The door of reports: results in, tables and pages out. Reads no files but its own published tables, and writes none.

export { renderChecksJson } from './checks-json.js';
export type { OneCheck } from './checks-text.js';
export { renderCheckText } from './checks-text.js';
export { renderTablesCsv, renderTablesJson } from './data.js';
export { renderReportHtml } from './html.js';
export { renderTablesMarkdown } from './markdown.js';
export type { ComparisonCell, ComparisonRow, ComparisonTable, PostComparison, Simulated } from './match.js';
export { type QuantityTable, renderQuantitiesMarkdown, renderQuantitiesText } from './quantities.js';
export { renderStructuresSvg, type StructurePoint } from './structures-chart.js';
export type { TextOptions } from './text.js';
export { renderTablesText } from './text.js';
