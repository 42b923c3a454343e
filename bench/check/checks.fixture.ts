// A search for tests that need one, in a page: every interleaving of paths that only touch, load, store and fence, under sequential consistency, without
// any reduction. And the guide's protocol, which is small enough for it.

import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Arena, type CheckFailure, type CheckOptions, type CheckOutcome, type CheckProgress, type Protocol, ReplayError } from '../../sim/index.js';
import type { Checker } from './checker.js';
import { runJob } from './job.js';

type Parts = Parameters<Protocol['build']>[0];

/** The guide's protocol, as a user would name its file. */
export const EXAMPLE_PLUGIN = fileURLToPath(new URL('../../../docs/examples/my-protocol.mjs', import.meta.url));

interface Walk {
  /** The actor of each step, and how many could have run in its place. */
  choices: { picked: number; among: number }[];
  failure?: CheckFailure;
  history: CheckFailure['history'];
}

/** Runs one schedule: `wish` picks among the actors that have steps left; beyond its end, or where it says nothing, the first of them. */
function walk(protocol: Protocol, options: CheckOptions, wish: readonly number[]): Walk {
  const names = protocol.actors(options);
  const arena = Arena.ofWords(protocol.arenaWords(options));
  let what = '';
  const say = (verb: string) => (word: number) => {
    what = `${verb} ${run.nameOf?.(word) ?? word}`;
    return true;
  };
  const cpus = names.map((_, id) => ({
    id,
    words: arena.words,
    touch: say('touches'),
    load: (word: number) => arena.words[word],
    store: (word: number, value: number) => void arena.words.fill(value, word, word + 1),
    fence: () => undefined,
  }));
  const parts = { arena, cpus, locks: {} } as unknown as Parts;
  const run = protocol.build(parts, options, true);
  const paths = run.paths().map((path, actor) => ({ path, actor }));
  const result: Walk = { choices: [], history: [] };
  let waiting = paths;
  while (waiting.length > 0) {
    const picked = wish[result.choices.length] ?? 0;
    result.choices.push({ picked, among: waiting.length });
    const { path, actor } = waiting[picked];
    what = 'ends';
    if (path.next().done === true) waiting = waiting.filter((one) => one.path !== path);
    result.history.push({ step: result.history.length + 1, actor, what, matters: what !== 'ends' });
  }
  try {
    run.atEnd?.();
  } catch (error) {
    const { message, claim } = error as Error & { claim: string };
    const schedule = result.history.map(({ actor }) => String.fromCharCode(97 + actor)).join('');
    result.failure = { claim, message, schedule, history: result.history, traceHash: hashOf(schedule) };
  }
  return result;
}

function hashOf(schedule: string): string {
  return Buffer.from(schedule).toString('hex').padEnd(16, '0').slice(0, 16);
}

/** As `runCheck`, for what the header says. */
export function naiveCheck(protocol: Protocol, options: CheckOptions, onProgress?: (progress: CheckProgress) => boolean): CheckOutcome {
  const actors = protocol.actors(options);
  const outcome = { actors, schedules: 0, pruned: 0, steps: 0, longest: 0, coarse: 0 };
  if (options.scheduler === 'replay') return replay(protocol, options, outcome);
  let wish: number[] = [];
  for (;;) {
    const { choices, failure, history } = walk(protocol, options, wish);
    outcome.schedules++;
    outcome.steps += history.length;
    outcome.longest = Math.max(outcome.longest, history.length);
    if (failure !== undefined) return { ...outcome, verdict: 'broken', failure };
    const last = choices.findLastIndex(({ picked, among }) => picked + 1 < among);
    if (last === -1) return { ...outcome, verdict: 'holds' };
    if (onProgress?.(outcome) === false) return { ...outcome, verdict: 'unfinished' };
    wish = [...choices.slice(0, last).map(({ picked }) => picked), choices[last].picked + 1];
  }
}

/** Its replay strings have a letter for each step: "abab". */
function replay(protocol: Protocol, options: CheckOptions, outcome: Omit<CheckOutcome, 'verdict'>): CheckOutcome {
  if (!/^[ab]+$/.test(options.replay)) throw new ReplayError(`current ${JSON.stringify(options.replay)}, expected letters of actors`);
  const isLeft = [true, true];
  // With both actors left a pick is the letter, with one it is 0; which are left shows as it runs.
  const wish: number[] = [];
  for (const letter of options.replay) {
    wish.push(isLeft[0] && letter === 'b' ? 1 : 0);
    const { history } = walk(protocol, options, wish);
    const actor = letter.charCodeAt(0) - 97;
    if (history[wish.length - 1].what === 'ends') isLeft[actor] = false;
  }
  const { failure, history } = walk(protocol, options, wish);
  const counts = { ...outcome, schedules: 1, steps: history.length, longest: history.length };
  if (failure !== undefined) return { ...counts, verdict: 'broken', failure };
  return { ...counts, verdict: 'holds', replayed: { history, traceHash: hashOf(options.replay) } };
}

/** A checker on this thread. `runCheck` may be another one. */
export function fakeChecker(protocols: readonly Protocol[], stop: AbortSignal, runCheck: typeof naiveCheck = naiveCheck): Checker {
  return {
    run: async (job, onProgress) => {
      const protocol = protocols.find(({ name }) => name === job.protocol);
      if (protocol === undefined) throw new Error(`no protocol ${job.protocol}`);
      return await Promise.resolve(runJob(protocol, job, { runCheck, isStopped: () => stop.aborted, onProgress, nowMs: () => performance.now() }));
    },
    close: () => Promise.resolve(),
  };
}

/** A world for `checkCommand` with what it printed. */
export function fakeWorld(protocols: readonly Protocol[], runCheck: typeof naiveCheck = naiveCheck) {
  const printed: string[] = [];
  const signals = new EventEmitter();
  return {
    protocols,
    openChecker: (stop: AbortSignal) => fakeChecker(protocols, stop, runCheck),
    print: (text: string) => void printed.push(text),
    signals,
    text: () => printed.join(''),
  };
}
