import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../prng.js';
import type { Cpu, KernelPath, RwLock } from '../cpu.js';
import { BoundedChooser } from './bounded.js';
import { DporChooser } from './dpor.js';
import { type Chooser, ExploreEngine } from './engine.js';

const SHARED = 3;
const REGISTERS = 16;

/** One operation of a random program: what it does and on which word. */
interface Op {
  kind: 'load' | 'store' | 'add' | 'cmpxchg' | 'locked' | 'plain' | 'shared' | 'wait' | 'two' | 'chase' | 'fence' | 'sleep' | 'wake';
  word: number;
  value: number;
}

const KINDS: readonly Op['kind'][] = [
  'load',
  'store',
  'add',
  'cmpxchg',
  'locked',
  'plain',
  'shared',
  'load',
  'store',
  'two',
  'chase',
  'fence',
  'wait',
  'sleep',
  'wake',
];

function randomProgram(prng: Prng, length: number): Op[] {
  return Array.from({ length }, () => ({ kind: KINDS[prng.below(KINDS.length)], word: prng.below(SHARED), value: 1 + prng.below(3) }));
}

/** What it reads goes into registers of its own, in an array beside memory: the outcome of a run is memory and registers. */
function* runProgram(cpu: Cpu, program: readonly Op[], lock: RwLock, registers: number[]): KernelPath {
  for (const { kind, word, value } of program) {
    if (kind === 'locked') {
      if (lock.writeLock(cpu, 0)) yield;
      if (cpu.touch(word)) yield;
      cpu.store(word, cpu.load(word) * 3 + value);
      if (lock.writeUnlock(cpu)) yield;
    } else if (kind === 'plain') {
      if (lock.writeLock(cpu, 0)) yield;
      plainFunction(cpu, word, value);
      if (lock.writeUnlock(cpu)) yield;
    } else if (kind === 'shared') {
      if (lock.readLock(cpu, 0)) yield;
      if (cpu.touch(word)) yield;
      registers.push(cpu.load(word));
      if (lock.readUnlock(cpu)) yield;
    } else if (kind === 'sleep') {
      cpu.prepareToSleep();
      if (cpu.touch(word)) yield;
      registers.push(cpu.load(word));
      if (registers.at(-1) === 0) {
        if (cpu.schedule('a test')) yield;
      }
      cpu.cancelSleep();
    } else if (kind === 'wake') {
      if (cpu.touch(word)) yield;
      cpu.store(word, value);
      cpu.fence();
      if (cpu.run(1)) yield;
      registers.push(cpu.wake((cpu.id + 1) % 2) ? 1 : 0);
    } else if (kind === 'wait') {
      let looks = 0;
      if (cpu.touch(word)) yield;
      while (cpu.load(word) === 0 && looks++ < 2) {
        if (cpu.touch(word)) yield;
      }
    } else {
      if (cpu.touch(word)) yield;
      access(cpu, { kind, word, value }, registers);
    }
  }
}

/** Others may run before each of its accesses, though it never yields. */
function plainFunction(cpu: Cpu, word: number, value: number): void {
  const seen = cpu.load(word);
  cpu.store((word + 1) % SHARED, seen * 2 + value);
  cpu.fetchAdd(word, 10);
}

function access(cpu: Cpu, { kind, word, value }: Op, registers: number[]): void {
  if (kind === 'load') registers.push(cpu.load(word));
  else if (kind === 'store') cpu.store(word, value);
  else if (kind === 'add') registers.push(cpu.fetchAdd(word, value));
  else if (kind === 'cmpxchg') registers.push(cpu.cmpxchg(word, 0, value));
  else if (kind === 'fence') cpu.fence();
  else if (kind === 'chase') {
    // What it touches depends on what it reads.
    const seen = cpu.load(word);
    if (seen % 2 === 0) cpu.fetchAdd((word + 1) % SHARED, 5);
    else registers.push(cpu.load((word + 2) % SHARED));
  } else {
    registers.push(cpu.load(word));
    cpu.store((word + 1) % SHARED, value);
  }
}

interface Search extends Chooser {
  advance(): boolean;
  retry?(): boolean;
}

/** Every outcome of a search over the programs, and how many runs it took: to the end, and given up. */
function outcomes(programs: readonly (readonly Op[])[], tso: boolean, search: Search): { seen: Set<string>; complete: number; pruned: number } {
  const words = new Int32Array(SHARED + REGISTERS);
  const engine = new ExploreEngine({ words, cpuCount: programs.length, tso, interruptible: ['lock'], maxSteps: 500 });
  const seen = new Set<string>();
  let complete = 0;
  let pruned = 0;
  for (let more = true; more && complete + pruned < 30_000; ) {
    words.fill(0);
    const lock = engine.newLocks().rwLock('lock');
    const registers = programs.map((): number[] => []);
    const end = engine.run(
      programs.map((program, id) => runProgram(engine.cpus[id], program, lock, registers[id])),
      search,
    );
    if (end.kind === 'not-thin') {
      more = search.retry?.() ?? false;
      continue;
    }
    if (end.kind === 'given-up') pruned++;
    else {
      complete++;
      seen.add(end.kind === 'failed' ? `${end.claim}: ${end.message}` : `${words.join()} ${JSON.stringify(registers)}`);
    }
    more = search.advance();
  }
  return { seen, complete, pruned };
}

function compare(seed: number, cpus: number, length: number, tso: boolean): { brute: number; reduced: number } | undefined {
  const prng = new Prng(seed);
  const programs = Array.from({ length: cpus }, () => randomProgram(prng, length));
  const brute = outcomes(programs, tso, new BoundedChooser(1000, cpus));
  if (brute.complete >= 30_000) return undefined;
  const reduced = outcomes(programs, tso, new DporChooser(cpus));
  const missed = [...brute.seen].filter((outcome) => !reduced.seen.has(outcome));
  assert.deepEqual(missed, [], `seed ${seed}: ${JSON.stringify(programs)}`);
  assert.deepEqual([...reduced.seen].sort(), [...brute.seen].sort(), `seed ${seed}`);
  return { brute: brute.complete, reduced: reduced.complete };
}

test('a step whose accesses depend on what it reads is tried after those that it depends on only then', () => {
  const [flag, gate, sum] = [0, 1, 2];
  const adder: Op[] = [{ kind: 'chase', word: gate, value: 0 }]; // adds to the sum while the gate is 0
  const looker: Op[] = [
    { kind: 'load', word: flag, value: 0 },
    { kind: 'load', word: sum, value: 0 },
  ];
  const closer: Op[] = [
    { kind: 'store', word: flag, value: 1 },
    { kind: 'store', word: gate, value: 1 },
  ];
  for (const programs of [
    [adder, looker, closer],
    [looker, adder, closer],
    [looker, closer, adder],
  ]) {
    const brute = outcomes(programs, false, new BoundedChooser(1000, 3));
    const reduced = outcomes(programs, false, new DporChooser(3));
    assert.deepEqual([...reduced.seen].sort(), [...brute.seen].sort());
  }
});

for (const { cpus, length, tso, seeds } of [
  { cpus: 2, length: 4, tso: false, seeds: 200 },
  { cpus: 3, length: 2, tso: false, seeds: 60 },
  { cpus: 2, length: 3, tso: true, seeds: 60 },
]) {
  test(`the reduced search of ${cpus} CPUs, ${length} operations each${tso ? ', under store buffers' : ''}, finds every outcome that brute force finds, in fewer schedules`, () => {
    let brute = 0;
    let reduced = 0;
    let compared = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const counts = compare(seed, cpus, length, tso);
      if (counts === undefined) continue;
      compared++;
      brute += counts.brute;
      reduced += counts.reduced;
    }
    assert.ok(compared > seeds / 2, `${compared} of ${seeds} programs were small enough for brute force`);
    assert.ok(reduced * 5 < brute, `${reduced} schedules instead of ${brute}`);
  });
}
