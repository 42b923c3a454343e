// Binds what suites declare as data to commander. The selftests' letters mean different things in different suites, so a letter is
// bound only where exactly one suite is named.

import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { type GivenOptions, SUITES, type Suite, type SuiteOption } from '../suites/index.js';

export interface Binding {
  /** Filled with the values given, by field. */
  given: GivenOptions;
  /** Filled with one line for each option that has no effect. */
  notes: string[];
  letters: boolean;
  /** Above these options in --help. */
  heading: string;
}

/** The suites that these arguments name, in the order of the registry. */
export function namedSuites(args: readonly string[]): Suite[] {
  return SUITES.filter(({ name }) => args.includes(name));
}

/** Adds the options of all `suites`; one that several share is added once. */
export function addSuiteOptions(command: Command, suites: readonly Suite[], binding: Binding): void {
  const seen = new Set<string>();
  for (const option of suites.flatMap((suite) => suite.options)) {
    if (seen.has(option.long)) continue;
    seen.add(option.long);
    bind(command, option, binding);
  }
}

function bind(command: Command, option: SuiteOption, binding: Binding): void {
  const letter = binding.letters && option.letter !== undefined ? `-${option.letter}, ` : '';
  const value = option.value === undefined ? '' : ` ${option.value}`;
  command.addOption(new Option(`${letter}--${option.long}${value}`, option.description).helpGroup(binding.heading));
  command.on(`option:${option.long}`, (text: string | null) => take(option, text ?? '', binding));
}

function take(option: SuiteOption, text: string, binding: Binding): void {
  if (option.refusal !== undefined) throw new UsageError(`Cannot use --${option.long}: ${option.refusal}`);
  if (option.note !== undefined) binding.notes.push(`--${option.long} has no effect: ${option.note}`);
  if (option.field !== undefined && option.parse !== undefined) binding.given[option.field] = option.parse(text);
}
