// Binds what suites declare as data to commander. The selftests' letters mean different things in different suites, so a letter is
// bound only where exactly one suite is named.

import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { type GivenOptions, SUITES, type Suite, type SuiteOption } from '../suites/index.js';

/** What the options of suites fill in. */
export interface Given {
  /** The values given, by suite and field. */
  given: Record<string, GivenOptions>;
  /** What a suite's own word for `--repetitions` says. */
  repetitions?: { option: string; count: number };
  /** One line for each option that has no effect. */
  notes: string[];
}

/** Adds examples and options of the suites that these arguments name (all when none): of one suite all, of several those that all of them have. */
export function addSuites(command: Command, args: readonly string[], into: Given): void {
  const named = namedSuites(args);
  const suites = named.length > 0 ? named : SUITES;
  command.addHelpText('before', examplesOf(suites));
  const names = suites.map(({ name }) => name).join(', ');
  const heading = suites.length === 1 ? `Options of ${names}:` : `Options that all of ${names} have (name one suite for the others):`;
  for (const option of sharedOptions(suites)) {
    const letter = suites.length === 1 && option.letter !== undefined ? `-${option.letter}, ` : '';
    const value = option.value === undefined ? '' : ` ${option.value}`;
    command.addOption(new Option(`${letter}--${option.long}${value}`, option.description).helpGroup(heading));
    command.on(`option:${option.long}`, (text: string | null) => {
      for (const suite of suites) take(suite, optionOf(suite, option.long), text ?? '', into);
    });
  }
}

/** The suites that these arguments name, in the order of the registry. */
export function namedSuites(args: readonly string[]): Suite[] {
  return SUITES.filter(({ name }) => args.includes(name));
}

/** Why an option of some suite is none of those that these arguments name together; `undefined` where no suite has it. */
export function whoseOption(long: string, args: readonly string[]): string | undefined {
  const named = namedSuites(args);
  const owners = SUITES.filter((suite) => optionOf(suite, long) !== undefined).map(({ name }) => name);
  if (owners.length === 0 || owners.some((name) => named.length === 1 && named[0].name === name)) return undefined;
  const where = named.length === 1 ? `of ${named[0].name}` : 'of several suites together';
  return `Unknown option '--${long}' ${where}: name ${owners.join(' or ')} for it (mmulab run ${owners[0]} --${long} ...)`;
}

/** The options of the first suite that all the others have too: one name for one field. (`--slots` is two: it counts memslot 0 or does not.) */
function sharedOptions([first, ...others]: readonly Suite[]): SuiteOption[] {
  return first.options.filter(({ long, field }) => others.every((suite) => field !== undefined && optionOf(suite, long)?.field === field));
}

function optionOf(suite: Suite, long: string): SuiteOption | undefined {
  return suite.options.find((option) => option.long === long);
}

function examplesOf(suites: readonly Suite[]): string {
  const lines = suites.flatMap(({ examples }) => examples.map(({ line, what }) => `  $ mmulab run ${line}\n      ${what}`));
  return `Examples:\n${lines.join('\n')}\n`;
}

function take(suite: Suite, option: SuiteOption | undefined, text: string, into: Given): void {
  if (option === undefined) return;
  if (option.refusal !== undefined) throw new UsageError(`Cannot use --${option.long}: ${option.refusal}`);
  if (option.note !== undefined) into.notes.push(`--${option.long} has no effect: ${option.note}`);
  if (option.parseRepetitions !== undefined) into.repetitions = { option: option.long, count: option.parseRepetitions(text) };
  if (option.field === undefined || option.parse === undefined) return;
  const ofSuite = into.given[suite.name] ?? {};
  into.given[suite.name] = { ...ofSuite, [option.field]: option.parse(text) };
}
