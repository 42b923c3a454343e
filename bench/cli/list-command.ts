// `mmulab list`: what can be run, on which machine, and which primitive costs `--set` may change.

import { COST_NAMES, COST_TABLE, listProfiles, loadProfile } from '../../sim/index.js';
import { SUITES, type Suite } from '../suites/index.js';

/** Prints suites, profiles and costs. */
export function listCommand(): void {
  const blocks = [...SUITES.map(describeSuite), describeProfiles(), describeCosts()];
  process.stdout.write(`${blocks.join('\n')}`);
}

function describeSuite(suite: Suite): string {
  const options = suite.options.map((option) =>
    row(`${option.letter === undefined ? '   ' : `-${option.letter},`} --${option.long} ${option.value ?? ''}`, option.description),
  );
  const metrics = suite.metrics.map(({ name, description }) => row(name, description));
  return `Suite ${suite.name}: ${suite.summary}\n Options\n${options.join('')} Metrics\n${metrics.join('')}`;
}

function describeProfiles(): string {
  return `Machine profiles\n${listProfiles()
    .map((name) => row(name, loadProfile(name).description))
    .join('')}`;
}

function describeCosts(): string {
  return `Primitive costs (--set, nanoseconds in a profile)\n${COST_NAMES.map((name) => row(name, COST_TABLE[name][1])).join('')}`;
}

function row(left: string, right: string): string {
  return `  ${left.trimEnd().padEnd(34)} ${right}\n`;
}
