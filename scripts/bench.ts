// `npm run bench`: how fast mmulab itself is. Nothing here is asserted: noise would break it. tinybench drives the repetitions.
//
//   npm run bench            speed of the virtual engine, and the start of the command line
//   npm run bench -- --full  all suites at the published scale too (about two minutes on 2 cores)

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Bench } from 'tinybench';
import { VirtualEngine } from '../sim/engine/virtual/engine.js';
import type { DemandPagingOptions, DirtyLogOptions } from '../sim/machine/cell.js';
import { DEFAULT_DEMAND_PAGING } from '../sim/machine/demand-paging-options.js';
import { dirtyLogScenario } from '../sim/machine/dirty-log.js';
import { DEFAULT_DIRTY_LOG } from '../sim/machine/dirty-log-options.js';
import { costsInNs, loadProfile } from '../sim/machine/profile.js';
import { runDemandPagingVirtual } from '../sim/machine/run-virtual.js';
import { isInCrew } from '../sim/machine/scenario.js';
import { Arena } from '../sim/memory/arena.js';

const COMMAND = fileURLToPath(new URL('../bench/index.js', import.meta.url));
const MIB = 2 ** 20;
const REPETITIONS = 3;

/** Lazy splitting, every page written once: a fault per page. 64 GiB above 64 vCPUs, as the memory of 24-bit frame numbers ends there. */
const LAZY_CELLS = [
  { vcpus: 2, vcpuBytes: 1024 * MIB },
  { vcpus: 8, vcpuBytes: 1024 * MIB },
  { vcpus: 64, vcpuBytes: 1024 * MIB },
  { vcpus: 128, vcpuBytes: 128 * MIB },
  { vcpus: 512, vcpuBytes: 128 * MIB },
];

// What the workers of a sweep run with (bench/run/pool.ts).
setFlagsFromString('--max-inlined-bytecode-size-cumulative=5000');

interface Timed {
  /** Wall time of the pass that faults, and of the whole cell with its checks. Milliseconds. */
  passMs: number;
  cellMs: number;
  faults: number;
}

async function main(): Promise<void> {
  await benchFaults();
  benchUserfaults();
  benchStart();
  if (process.argv.includes('--full')) benchMatrix();
}

async function benchFaults(): Promise<void> {
  console.log('Lazy splitting in the virtual engine, one core: page tables, rmaps, bitmaps, assertions and lock statistics on');
  console.log(row(['vCPUs', 'memory', 'faults', 'ns/fault', 'M faults/s', 'whole cell, M faults/s']));
  runLazy({ vcpus: 4, vcpuBytes: 256 * MIB }); // compiles the hot functions
  for (const cell of LAZY_CELLS) {
    const runs: Timed[] = [];
    const bench = new Bench({ iterations: REPETITIONS, time: 0, warmup: false, throws: true });
    bench.add(`${cell.vcpus} vCPUs`, () => {
      const run = runLazy(cell);
      runs.push(run);
      return { overriddenDuration: run.passMs };
    });
    await bench.run();
    const best = runs.sort((a, b) => a.passMs - b.passMs)[Math.floor(runs.length / 2)];
    const { faults, passMs, cellMs } = best;
    const memory = `${(cell.vcpus * cell.vcpuBytes) / 2 ** 30} GiB`;
    const rate = (ms: number): string => (faults / ms / 1000).toFixed(2);
    console.log(row([String(cell.vcpus), memory, faults.toLocaleString('en'), ((passMs * 1e6) / faults).toFixed(0), rate(passMs), rate(cellMs)]));
  }
}

function runLazy(changes: Pick<DirtyLogOptions, 'vcpus' | 'vcpuBytes'>): Timed {
  const options: DirtyLogOptions = { ...DEFAULT_DIRTY_LOG, ...changes, split: 'lazy', initiallyAllSet: false, iterations: 1 };
  const profile = loadProfile('intel-2s48c-2022');
  const scenario = dirtyLogScenario(options);
  const startMs = performance.now();
  const arena = Arena.ofWords(scenario.arenaWords);
  arena.words.fill(0); // as a sweep does (sim/machine/run-virtual.ts): the host maps the pages here, not in the pass
  const engine = new VirtualEngine(arena, options.vcpus, { topology: profile.topology, smt: profile.smt, costNs: costsInNs(profile), seed: 1 });
  const world = scenario.build(arena, engine.locks, true);
  let passMs = 0;
  let faults = 0;
  for (const phase of world.phases) {
    const before = performance.now();
    const faultsBefore = engine.counters.readFaults + engine.counters.writeFaults;
    const crew = engine.cpus.filter(({ id }) => isInCrew(phase.crew, id, options.vcpus));
    engine.runGang(crew.map((cpu) => ({ cpu, path: phase.path(cpu) })));
    if (phase.metric !== 'dirty_memory_iter1') continue;
    passMs = performance.now() - before;
    faults = engine.counters.readFaults + engine.counters.writeFaults - faultsBefore;
  }
  world.kvm.mmu.checkInvariants(world.kvm);
  return { passMs, cellMs: performance.now() - startMs, faults };
}

/** Who brings a page, at 64 vCPUs: rates of whole cells, the last of three, which the compiler has seen before. */
function benchUserfaults(): void {
  const arms: readonly [string, Partial<DemandPagingOptions>][] = [
    ['no userfault', {}],
    ['KVM UF', { kvmUserfault: true }],
    ['MINOR + KVM UF', { uffd: 'minor', kvmUserfault: true }],
    ['MINOR, one reader', { uffd: 'minor' }],
    ['MINOR, reader per vCPU', { uffd: 'minor', readers: 64 }],
    ['MINOR, uffd per vCPU', { uffd: 'minor', singleUffd: false }],
  ];
  const profile = loadProfile('x86-2s48c-2024');
  console.log('Post-copy faults in the virtual engine, one core: 64 vCPUs, 16 MiB each');
  for (const [name, arm] of arms) {
    const options = { ...DEFAULT_DEMAND_PAGING, vcpus: 64, vcpuBytes: 2 ** 24, backing: 'shmem', preallocate: true, singleUffd: true, ...arm } as const;
    let ms = 0;
    let pages = 0;
    for (let run = 0; run < 3; run++) {
      const before = performance.now();
      pages = runDemandPagingVirtual(options, { profile, seed: 1 }).counters.hostPagesInstalled;
      ms = performance.now() - before;
    }
    console.log(`${name.padStart(24)} ${(pages / ms / 1000).toFixed(2)} M pages/s`);
  }
}

function benchStart(): void {
  const median = (args: string[]): number => {
    const times = Array.from({ length: 15 }, () => {
      const before = performance.now();
      spawnSync(process.execPath, args, { stdio: 'ignore' });
      return performance.now() - before;
    });
    return times.sort((a, b) => a - b)[7];
  };
  const bare = median(['-e', '0']);
  const help = median([COMMAND, '--help']);
  console.log(`Start: node -e 0 ${bare.toFixed(0)} ms, mmulab --help ${help.toFixed(0)} ms (${(help / bare).toFixed(2)} x)`);
}

function benchMatrix(): void {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-bench-'));
  try {
    const before = performance.now();
    const { status } = spawnSync(process.execPath, [COMMAND, 'run', '--quiet', '--output', join(folder, 'published.ndjson')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    console.log(`All suites at the published scale, one seed: ${((performance.now() - before) / 1000).toFixed(1)} s (exit code ${status})`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function row(cells: string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padStart(6) : cell.padStart(12))).join('');
}

await main();
