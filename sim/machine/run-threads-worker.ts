// One member of the gang: attaches to the shared arena, builds its own object graph over it, and walks through the phases.
//
//     member 0                         the others
//     lays out the arena               |
//     ------------------- barrier ------------------
//     |                                attach to the arena
//     ------------------- barrier ------------------    before each phase, and after the last
//     its path of the phase, or nothing: parked at the next barrier
//     ------------------- barrier ------------------
//     adds up the counters, checks     |

import { threadId } from 'node:worker_threads';
import { runToCompletion } from '../engine/cpu.js';
import { Gang } from '../engine/threads/gang.js';
import { ThreadsLockFactory } from '../engine/threads/lock-factory.js';
import { packLockStats } from '../engine/threads/lock-totals.js';
import { readSchedstat } from '../engine/threads/schedstat.js';
import { carveKickWords, ThreadsCpu } from '../engine/threads/threads-cpu.js';
import { Arena } from '../memory/arena.js';
import { loadScenario, type MemberReport, type MemberTask, type PhaseSpan, sumTallies, writeTally } from './run-threads-message.js';
import { type Crew, isInCrew, type Phase, type Scenario, type World } from './scenario.js';

/** Entry of the worker: one task is one run. Throws an error that names seed, thread and phase. */
export default async function runMember(task: MemberTask): Promise<MemberReport> {
  const scenario = await loadScenario(task.scenario);
  const member = new Member(task, scenario);
  try {
    return member.run();
  } catch (error) {
    throw member.explain(error);
  }
}

class Member {
  readonly #task: MemberTask;
  readonly #scenario: Scenario;
  readonly #gang: Gang;
  readonly #arena: Arena;
  readonly #cpu: ThreadsCpu;
  readonly #locks: ThreadsLockFactory;
  #where = 'set-up';

  constructor(task: MemberTask, scenario: Scenario) {
    const { index, size } = task;
    this.#task = task;
    this.#scenario = scenario;
    this.#gang = new Gang({ words: new Int32Array(task.gang), size, index, timeoutMs: task.meetTimeoutMs });
    this.#arena = new Arena(task.arena);
    const kickWords = carveKickWords(this.#arena, size);
    const { costs: cost, timeScale, originNs, lockTimeoutMs, park } = task;
    const { lockCount } = scenario;
    const mayStayAsleep = index < scenario.vcpuCount ? undefined : () => !this.#gang.haveCome(scenario.vcpuCount);
    this.#cpu = new ThreadsCpu({
      id: index,
      words: this.#arena.words,
      cost,
      kickWords,
      timeScale,
      originNs,
      sleepTimeoutMs: lockTimeoutMs,
      mayStayAsleep,
    });
    this.#locks = new ThreadsLockFactory(this.#arena, {
      cpuCount: size,
      park,
      timeoutMs: lockTimeoutMs,
      ...(lockCount === undefined ? {} : { lockCount }),
    });
  }

  run(): MemberReport {
    const world = this.#build();
    const spans: (PhaseSpan | null)[] = [];
    for (const [index, phase] of world.phases.entries()) {
      this.#where = phase.metric === '' ? `phase ${index}` : `phase "${phase.metric}"`;
      this.#gang.meet(this.#where);
      spans.push(this.#isInCrew(phase.crew) ? this.#runPhase(phase) : null);
    }
    this.#where = 'check';
    const checked = this.#check(world);
    return {
      phases: world.phases.map(({ metric, crew, orderSensitive, per }) => ({ metric, crew, orderSensitive, ...(per === undefined ? {} : { per }) })),
      spans,
      locks: this.#locks.stats.map(packLockStats),
      lockSites: world.lockSites,
      ...checked,
      stalls: world.stalls?.() ?? [],
    };
  }

  #build(): World {
    const first = this.#task.index === 0;
    this.#gang.join(threadId);
    if (first && this.#task.arenaIsUsed) this.#arena.words.fill(0);
    const world = first ? this.#scenario.build(this.#arena, this.#locks, true) : undefined;
    this.#gang.meet(this.#where);
    return world ?? this.#scenario.build(this.#arena, this.#locks, false);
  }

  #isInCrew(crew: Crew): boolean {
    return isInCrew(crew, this.#task.index, this.#scenario.vcpuCount);
  }

  /** Members that line up at the start of a phase, when there are cores for all of them: services start on their own. */
  #lineUpSize(crew: Crew): number {
    const { vcpuCount } = this.#scenario;
    if (crew === 'ioctl' || (crew === 'served' && this.#task.index >= vcpuCount)) return 0;
    return crew === 'vcpus' || crew === 'served' ? vcpuCount : vcpuCount + 1;
  }

  #runPhase(phase: Phase): PhaseSpan {
    const cpu = this.#cpu;
    const lineUpSize = this.#lineUpSize(phase.crew);
    const before = readSchedstat();
    const readAtPs = cpu.now();
    if (lineUpSize > 1 && lineUpSize <= this.#task.cores) this.#gang.lineUp(lineUpSize);
    const startPs = cpu.now();
    runToCompletion(phase.path(cpu));
    cpu.settle();
    const finishPs = cpu.now();
    const after = readSchedstat();
    if (before === undefined || after === undefined) return { startPs, finishPs, runNs: -1, waitNs: -1 };
    const lineUpNs = (startPs - readAtPs) / 1000;
    return { startPs, finishPs, runNs: Math.max(0, Math.round(after.runNs - before.runNs - lineUpNs)), waitNs: after.waitNs - before.waitNs };
  }

  /** Member 0 checks for all: the sums are complete once everybody has come. Returns its hash of the final state and its values and rates, others ''. */
  #check(world: World): Pick<MemberReport, 'stateHash' | 'values' | 'rates'> {
    writeTally(this.#task.tallies, this.#task.index, this.#cpu.counters);
    this.#gang.meet(this.#where);
    const first = this.#task.index === 0;
    const counters = first ? sumTallies(this.#task.tallies) : {};
    if (first) world.check(counters);
    const stateHash = first ? (world.stateHash?.() ?? '') : '';
    const values = first ? world.values?.(counters) : undefined;
    const rates = first ? world.rates : undefined;
    this.#gang.meet('the end');
    return { stateHash, ...(values === undefined ? {} : { values }), ...(rates === undefined ? {} : { rates }) };
  }

  explain(error: unknown): Error {
    const { index, seed, size } = this.#task;
    const service = index - this.#scenario.vcpuCount - 1;
    const who = service >= 0 ? `service ${service}` : service === -1 ? 'ioctl thread' : `vCPU ${index}`;
    const cause = error instanceof Error ? error : new Error(String(error));
    const explained = new Error(`${cause.message} [threads engine, seed ${seed}, thread ${index} of ${size} (${who}), ${this.#where}]`);
    explained.name = cause.name;
    if (cause.stack !== undefined) explained.stack = cause.stack.replace(cause.message, () => explained.message);
    return explained;
  }
}
