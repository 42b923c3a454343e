// The command tree. Only commander is loaded here: what a command does is imported when it runs, and suites when `run` is asked for, so that
// --help starts fast.

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { GivenOptions } from '../suites/index.js';

const EXAMPLES = `Examples:
  $ mmulab run                                       every suite at the published scale
  $ mmulab run dirty-log -v 64 -b 1G -f 5            one cell, as the selftest's command line
  $ mmulab run dirty-log -v 2..64*2 --split lazy,eager,on-fault
  $ mmulab run dirty-log -v 64 --split eager --set rmap_scan=-20%
  $ mmulab show results/published.ndjson
  $ mmulab report results/*.ndjson -o report.html
`;

/** The program for these arguments: suite letters are bound only where exactly one suite is named. */
export async function makeProgram(args: string[]): Promise<Command> {
  const program = new Command('mmulab');
  program
    .description('Reproduces published KVM MMU-lock measurements on any machine, in virtual time or with real threads.')
    .version(packageVersion(), '-V, --version')
    .addHelpText('before', EXAMPLES)
    .helpCommand('help [command]', 'help for a command');
  await addRun(program, args);
  addReport(program);
  addList(program);
  addShow(program);
  for (const command of [program, ...program.commands]) quiet(command);
  return program;
}

/** Errors are thrown, not printed: the entry file makes one line of them. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  command.allowExcessArguments(false);
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function addRun(program: Command, args: string[]): Promise<void> {
  const given: GivenOptions = {};
  const notes: string[] = [];
  const command = program.command('run').argument('[suite...]', 'suites to run, as `mmulab list` names them; all when none is named');
  command.description('Run suites and print their tables');
  if (args.includes('run')) {
    const { addSuites } = await import('./suite-options.js');
    addSuites(command, args, { given, notes });
  }
  command
    .optionsGroup('Options of every suite:')
    .option('--engine <name>', 'virtual (exact, any number of vCPUs) or threads (real threads on this machine)', 'virtual')
    .option('--profile <name|file>', "machine profile; by default the suite's own")
    .option('--set <cost=change>', 'change a primitive cost for this run: rmap_scan=-20% or rmap_scan=2.5 (repeatable)', collect, [])
    .option('--seeds <n>', 'virtual: run this many seeds, report median and range', '1')
    .option('--seed <n>', 'first seed', '1')
    .option('--repetitions <n>', 'threads: repetitions of each cell, arms interleaved', '10')
    .option('--time-scale <x>', 'threads: wall time burnt per simulated time; 0 burns none', '1')
    .option('--jobs <n>', 'virtual: cells at a time; by default one per core')
    .option('--output <file>', 'results file; by default results/<suite>.ndjson')
    .option('--report <file>', 'write the report page too')
    .option('--format <name>', 'stdout: text, markdown, csv, json', 'text')
    .option('--resume [file]', 'go on with the results file (or this one): keep the cells that it has already')
    .option('--smoke', 'a small size of the same cells, for a first look and for tests')
    .option('--quiet', 'no progress on stderr')
    .action(async (names: string[], options: Record<string, unknown>) => {
      const { runCommand } = await import('./run-command.js');
      process.exitCode = await runCommand({ names, given, notes, flags: options });
    });
}

function addReport(program: Command): void {
  program
    .command('report')
    .argument('<results...>', 'results files or folders')
    .description('Write the report page from results files alone')
    .addHelpText('before', 'Examples:\n  $ mmulab report results/*.ndjson -o report.html\n')
    .option('-o, --output <file>', 'the page', 'report.html')
    .action(async (paths: string[], options: { output: string }) => {
      const { reportCommand } = await import('./read-commands.js');
      await reportCommand(paths, options.output);
    });
}

function addList(program: Command): void {
  program
    .command('list')
    .description('List suites with their options and metrics, machine profiles and primitive costs')
    .addHelpText('before', 'Examples:\n  $ mmulab list\n')
    .action(async () => {
      const { listCommand } = await import('./list-command.js');
      listCommand();
    });
}

function addShow(program: Command): void {
  program
    .command('show')
    .argument('<results...>', 'results files or folders')
    .description('Print the tables of results files')
    .addHelpText('before', 'Examples:\n  $ mmulab show results/published.ndjson\n  $ mmulab show results --format csv > tables.csv\n')
    .option('--format <name>', 'text, markdown, csv, json', 'text')
    .action(async (paths: string[], options: { format: string }) => {
      const { showCommand } = await import('./read-commands.js');
      await showCommand(paths, options.format);
    });
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
