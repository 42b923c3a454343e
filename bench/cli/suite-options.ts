// Binds what suites declare as data to commander. The selftests' letters mean different things in different suites, so a letter is
// bound only where exactly one suite is named.

import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { type GivenOptions, SUITES, type Suite, type SuiteOption } from '../suites/index.js';

/** What the options of suites fill in. */
export interface Given {
  /** The values given, by field. */
  given: GivenOptions;
  /** One line for each option that has no effect. */
  notes: string[];
}

/** Adds the options and examples of the suites that these arguments name (all when none): letters only where it is one. */
export function addSuites(command: Command, args: readonly string[], into: Given): void {
  const named = namedSuites(args);
  const suites = named.length > 0 ? named : SUITES;
  command.addHelpText('before', examplesOf(suites));
  const heading = `Options of ${suites.map(({ name }) => name).join(', ')}:`;
  const seen = new Set<string>();
  for (const option of suites.flatMap((suite) => suite.options)) {
    if (seen.has(option.long)) continue;
    seen.add(option.long);
    const letter = named.length === 1 && option.letter !== undefined ? `-${option.letter}, ` : '';
    const value = option.value === undefined ? '' : ` ${option.value}`;
    command.addOption(new Option(`${letter}--${option.long}${value}`, option.description).helpGroup(heading));
    command.on(`option:${option.long}`, (text: string | null) => take(option, text ?? '', into));
  }
}

/** The suites that these arguments name, in the order of the registry. */
export function namedSuites(args: readonly string[]): Suite[] {
  return SUITES.filter(({ name }) => args.includes(name));
}

function examplesOf(suites: readonly Suite[]): string {
  const lines = suites.flatMap(({ examples }) => examples.map(({ line, what }) => `  $ mmulab run ${line}\n      ${what}`));
  return `Examples:\n${lines.join('\n')}\n`;
}

function take(option: SuiteOption, text: string, { given, notes }: Given): void {
  if (option.refusal !== undefined) throw new UsageError(`Cannot use --${option.long}: ${option.refusal}`);
  if (option.note !== undefined) notes.push(`--${option.long} has no effect: ${option.note}`);
  if (option.field !== undefined && option.parse !== undefined) given[option.field] = option.parse(text);
}
