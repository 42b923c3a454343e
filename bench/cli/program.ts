// The command tree. Only commander is loaded here: what a command does is imported when it runs, and suites when `run` is asked for, so that
// --help starts fast.

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { BenchFlags } from './bench-command.js';
import type { CheckFlags } from './check-settings.js';
import type { RegionsFlags } from './regions-command.js';
import type { Given } from './suite-options.js';

const EXAMPLES = `Examples:
  $ mmulab run                                       every suite at the published scale
  $ mmulab run dirty-log -v 64 -b 1G -f 5            one cell, as the selftest's command line
  $ mmulab run dirty-log -v 2..64*2 --split lazy,eager,on-fault
  $ mmulab run dirty-log -v 64 --split eager --set rmap_scan=-20%
  $ mmulab run memslots -s 509 -f 1 -e 2 -l 5 -r 3
  $ mmulab regions docs/examples/qemu-regions.ndjson  a VMM's own ioctls on every memslot structure
  $ mmulab show results/published.ndjson
  $ mmulab report results/*.ndjson -o report.html
  $ mmulab bench structures --chart structures.svg
  $ mmulab check                                     can any interleaving break the lockless protocols?
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
  addRegions(program);
  addList(program);
  addShow(program);
  addBench(program);
  addCheck(program);
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
  const suiteOptions: Given = { given: {}, notes: [] };
  const command = program.command('run').argument('[suite...]', 'suites to run, as `mmulab list` names them; all when none is named');
  command.description('Run suites and print their tables');
  if (args.includes('run')) {
    const { addSuites } = await import('./suite-options.js');
    addSuites(command, args, suiteOptions);
  }
  command
    .optionsGroup('Options of every suite:')
    .option('--engine <name>', 'virtual (exact, any number of vCPUs) or threads (real threads on this machine)', 'virtual')
    .option('--profile <name|file>', "machine profile; by default the suite's own")
    .option('--set <cost=change>', 'change a primitive cost for this run: rmap_scan=-20% or rmap_scan=2.5 (repeatable)', collect, [])
    .option('--seeds <n>', 'virtual: run this many seeds, report median and range', '1')
    .option('--seed <n>', 'first seed', '1')
    .option('--repetitions <n>', 'threads: repetitions of each cell, arms interleaved (default: 10)')
    .option('--time-scale <x>', 'threads: wall time burnt per simulated time; 0 burns none', '1')
    .option('--jobs <n>', 'virtual: cells at a time; by default one per core')
    .option('--output <file>', 'results file; by default results/<suite>.ndjson')
    .option('--report <file>', 'write the report page too')
    .option('--format <name>', 'stdout: text, markdown, csv, json, selftest (as memslot_perf_test and demand_paging_test print)', 'text')
    .option('--resume [file]', 'go on with the results file (or this one): keep the cells that it has already')
    .option('--smoke', 'a small size of the same cells, for a first look and for tests')
    .option('--quiet', 'no progress on stderr')
    .action(async (names: string[], options: Record<string, unknown>) => {
      const { runCommand } = await import('./run-command.js');
      process.exitCode = await runCommand({ ...suiteOptions, names, flags: options });
    });
}

const REGIONS_HELP = `Examples:
  $ mmulab regions docs/examples/qemu-regions.ndjson
  $ mmulab regions trace.ndjson --memslots array,tree --max-slots 509 -q
  $ mmulab regions trace.ndjson --keep-going --format csv > regions.csv
  $ generate-ioctls | mmulab regions -
`;

const REGIONS_FILE_HELP = `
The file has one ioctl a line, in JSON; blank lines and lines that begin with # are left out:
  {"slot": 1, "flags": 0, "guest_phys_addr": "0x100000000", "memory_size": "2G", "userspace_addr": "0x7f0000000000"}
                          KVM_SET_USER_MEMORY_REGION; a memory_size of 0 deletes
  [{...}, {...}]          KVM_CHANGE_USER_MEMORY_REGIONS: these changes, all at once
  {"set": [{...}, ...]}   KVM_SET_USER_MEMORY_REGIONS: the whole new set at once; KVM finds the difference
Numbers are JSON's, or texts: "4096", "0x1000", "4K", "2G". Flags: 1 or "KVM_MEM_LOG_DIRTY_PAGES", 2 or "KVM_MEM_READONLY".
An ioctl that KVM refuses changes nothing, is reported on stderr by its line, and ends the replay with exit code 2.
`;

function addRegions(program: Command): void {
  program
    .command('regions')
    .argument('<file>', 'memory-region ioctls, one a line; - is stdin')
    .description("Replay a VMM's memory-region ioctls on each memslot structure, in virtual time")
    .addHelpText('before', REGIONS_HELP)
    .addHelpText('after', REGIONS_FILE_HELP)
    .option('--memslots <list>', 'what holds the memslots; by default each structure in turn')
    .option('--max-slots <n>', 'slots that the kernel was built for; by default 509 for an array while that is enough, else 32764')
    .option('-q, --disable-slot-zap-quirk', 'a delete or move drops the mappings of the memslot alone')
    .option('--keep-going', 'go on after an ioctl that KVM refuses; exit code 2 at the end')
    .option('--profile <name|file>', 'machine profile', 'xeon-8167m-2021')
    .option('--set <cost=change>', 'change a primitive cost: srcu_grace_period=-20% or srcu_grace_period=2500 (repeatable)', collect, [])
    .option('--seed <n>', 'seed', '1')
    .option('--format <name>', 'text, markdown, csv, json (with the time of each ioctl)', 'text')
    .action(async (file: string, options: RegionsFlags) => {
      const { regionsCommand } = await import('./regions-command.js');
      process.exitCode = await regionsCommand(file, options);
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
    .option('--format <name>', 'text, markdown, csv, json, selftest (as memslot_perf_test and demand_paging_test print)', 'text')
    .action(async (paths: string[], options: { format: string }) => {
      const { showCommand } = await import('./read-commands.js');
      await showCommand(paths, options.format);
    });
}

function addBench(program: Command): void {
  program
    .command('bench')
    .argument('<name>', 'what to measure: structures')
    .description('Time the memslot structures themselves on this machine, beside packages that do the same')
    .addHelpText('before', 'Examples:\n  $ mmulab bench structures\n  $ mmulab bench structures --sizes 100,1000,32764 --chart structures.svg\n')
    .option('--sizes <list>', 'memslots, from 10 to 1000000 (default: 10,100,1000,10000,32764,1000000)')
    .option('--format <name>', 'stdout: text, markdown (md), csv, json', 'text')
    .option('--chart <file>', 'draw an SVG: time of an operation over memslots')
    .option('--smoke', 'few small sizes, for a first look and for tests')
    .option('--quiet', 'no progress on stderr')
    .action(async (name: string, options: BenchFlags) => {
      const { benchCommand } = await import('./bench-command.js');
      await benchCommand(name, options);
    });
}

const CHECK_HELP = `Examples:
  $ mmulab check                                     all protocols, right and with each planted bug
  $ mmulab check --list                              protocols, what they claim, bugs that can be planted
  $ mmulab check lockless-write-protect --vcpus 2    one protocol, every interleaving
  $ mmulab check fast-page-fault --scheduler bounded --bound 2
  $ mmulab check --plugin ./my-protocol.mjs          a protocol of your own (docs/checking-an-idea.md)
  $ mmulab check --engine threads --seconds 30       the same paths on real threads, with random timing
`;

const CHECK_EXITS = `
Exit codes: 0 nothing broke (or the search is unfinished, and says so); 20 a claim is broken: also that of a planted bug which was asked for by
--plant, since its version is broken. Without a protocol, 20 says that a right version is broken or that a planted bug was not found. 130 after Ctrl-C.
`;

function addCheck(program: Command): void {
  program
    .command('check')
    .argument('[protocol]', 'protocol to check; all of them, with every planted bug, when none is named')
    .description('Run a small case of a lockless protocol in every interleaving, and show the one that breaks it')
    .addHelpText('before', CHECK_HELP)
    .addHelpText('after', CHECK_EXITS)
    .option('--list', 'list protocols with their claims and planted bugs')
    .option('--vcpus <list>', "vCPUs of the case; by default the protocol's own")
    .option('--plant <bug>', 'plant this bug into the protocol')
    .option('--memory-order <list>', 'sc (sequential consistency) or tso (x86 store buffers); by default sc, of all protocols both')
    .option('--scheduler <name>', 'exhaustive, bounded (few preemptions), random, pct (probabilistic concurrency testing) (default: exhaustive)')
    .option('--bound <n>', 'bounded: preemptions of a schedule (default: 2); pct: depth of the bugs looked for (default: 3)')
    .option('--seed <n>', 'random, pct: seed of the first schedule (default: 1)')
    .option('--schedules <n>', 'schedules, at most; random, pct: 10000 by default; exhaustive, bounded: no limit (0)')
    .option('--seconds <n>', 'end a search after this, unfinished; 0 for no limit (default: 30 for each row of all protocols, else 0)')
    .option('--max-steps <n>', 'steps of a schedule; a longer one is a livelock (default: 5000)')
    .option('--replay <schedule>', 'run this one schedule, as a failure printed it')
    .option('--plugin <module>', 'ES module whose default export is a protocol')
    .option('--engine <name>', 'explore (every interleaving), or random stress of the suite write-protect: virtual, threads', 'explore')
    .option('--seeds <n>', 'virtual, threads: runs, each with the next seed (virtual: 1000 by default; threads: 30 seconds)')
    .option('--jobs <n>', 'checks at a time; by default one per core')
    .option('--format <name>', 'stdout: text, json, markdown', 'text')
    .option('--output <file>', 'results file; by default results/checks.ndjson for all protocols, none for one')
    .option('--quiet', 'no progress on stderr')
    .action(async (name: string | undefined, options: CheckFlags) => {
      const { checkCommand } = await import('./check-command.js');
      process.exitCode = await checkCommand(name, options);
    });
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
