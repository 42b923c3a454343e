// What happened in one schedule, step by step, in words: for somebody who wants to see why a claim broke.

import type { ReplayChooser } from '../engine/explore/choosers.js';
import type { Chooser, RunEnd } from '../engine/explore/engine.js';
import { areDependent, type Footprint } from '../engine/explore/footprint.js';
import type { HistoryStep } from './check.js';
import type { CheckCase } from './check-case.js';

interface Step {
  actor: number;
  notes: string[];
  codes: readonly number[];
}

/** Runs the schedule of `chooser` and tells its history. */
export function historyOf(checked: CheckCase, chooser: ReplayChooser): { end: RunEnd; history: HistoryStep[]; traceHash: string } {
  const steps: Step[] = [];
  const count = checked.actors.length;
  const stepAt = (index: number): Step => (steps[index] ??= { actor: 0, notes: [], codes: [] });
  const watching: Chooser = {
    choose: (enabled, last) => chooser.choose(enabled, last),
    stepped(process: number, foot: Footprint): void {
      const step = stepAt(chooser.processes.length - 1);
      step.actor = process % count;
      step.codes = foot.codes();
    },
  };
  const end = checked.run(watching, 0, (index, actor, what, word) => {
    const step = stepAt(index);
    step.actor = actor;
    const name = word === undefined || word < 0 ? '' : ` ${checked.nameOf(word)}`;
    step.notes.push(what + name);
  });
  const history = Array.from(steps, (_, index) => stepAt(index)).map(({ actor, notes }, index) => ({
    step: index + 1,
    actor,
    what: notes.join('; '),
    matters: matters(steps, index),
  }));
  return { end, history, traceHash: hashOf(history, end) };
}

/** Whether the order of a step against one of another actor can be told. The last one is where the claim broke. */
function matters(steps: readonly Step[], index: number): boolean {
  if (index === steps.length - 1) return true;
  const { actor, codes } = steps[index];
  return steps.some((other) => other.actor !== actor && areDependent(codes, other.codes));
}

/** FNV-1a over the text of the history, twice with different beginnings: 16 hex digits. */
function hashOf(history: readonly HistoryStep[], end: RunEnd): string {
  const text = JSON.stringify([history.map(({ actor, what }) => [actor, what]), end]);
  return [0x811c9dc5, 0x2f0b4c47].map((basis) => fnv(text, basis)).join('');
}

function fnv(text: string, basis: number): string {
  let hash = basis;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
