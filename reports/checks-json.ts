// Checks as data: the records themselves, with the command that replays each failure.

import { checkRow } from './checks.js';
import type { OneCheck } from './checks-text.js';
import { withoutControls } from './model.js';

/** `{ "checks": [...] }`, indented by two, ending in a line end. */
export function renderChecksJson(checks: readonly OneCheck[]): string {
  const list = checks.map(({ record, replayed }) => {
    const clean = withoutControls(record);
    const { failure } = clean;
    const command = checkRow(clean).failure?.command;
    return {
      ...clean,
      ...(failure !== undefined && { failure: { ...failure, command } }),
      ...(replayed !== undefined && { replayed: withoutControls(replayed) }),
    };
  });
  return `${JSON.stringify({ checks: list }, undefined, 2)}\n`;
}
