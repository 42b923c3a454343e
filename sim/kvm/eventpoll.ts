// A reader of a userfaultfd: waits in poll() or epoll_wait() until there is a fault, reads one message, has it resolved, waits again. As the reader
// thread of demand_paging_test (lib/userfaultfd_util.c); the waiting models fs/eventpoll.c and fs/select.c.
//
// With epoll a reader stands in fd_wqh all the time, and a fault marks its instance ready; being level-triggered, the instance asks the file again
// before it sleeps. With poll() it enters and leaves fd_wqh at each call, and every fault wakes all that are there.

import type { Cpu, KernelPath } from '../engine/cpu.js';
import { LockSite } from './lock-sites.js';
import { ReaderState, type Userfaultfd } from './userfaultfd.js';

const { uffdRead: SITE_READ, uffdPoll: SITE_POLL } = LockSite;
const { ready: READY, waiting: WAITING, queued: QUEUED, quit: QUIT } = ReaderState;

/** The reader's place among those of its userfaultfd, and what it does with a fault. */
export interface ReaderPlan {
  index: number;
  /** Resolves the fault on one host page. */
  resolve(cpu: Cpu, unit: number): KernelPath<unknown>;
}

/** Runs a reader until it is told to quit. Locks: fd_wqh, fault_pending_wqh. Suspends: at those, asleep. */
export function* runReader(ctx: Userfaultfd, cpu: Cpu, plan: ReaderPlan): KernelPath {
  const reader = ctx.reader(plan.index);
  const stateWord = ctx.readerStateWord(reader);
  const polls = ctx.wait === 'poll';
  for (;;) {
    cpu.spend(cpu.cost.poll_wait);
    if (polls) {
      if (ctx.fdLock.lock(cpu, SITE_POLL)) yield;
      cpu.fetchOr(stateWord, QUEUED);
      if (ctx.fdLock.unlock(cpu)) yield;
    }
    for (;;) {
      if (cpu.touch(stateWord)) yield;
      const state = ctx.readerState(cpu, reader);
      if ((state & QUIT) !== 0) return;
      if (polls || (state & READY) !== 0) {
        cpu.fetchAnd(stateWord, ~READY);
        if (cpu.touch(ctx.queueWord)) yield;
        if (ctx.hasPending(cpu)) {
          cpu.fetchOr(stateWord, READY);
          break;
        }
        if (cpu.interleave(stateWord)) yield;
        if (ctx.plant === 'poll-lost-ready') cpu.fetchAnd(stateWord, ~READY);
      }
      cpu.prepareToSleep();
      if (cpu.interleave(stateWord)) yield;
      if ((cpu.fetchOr(stateWord, WAITING) & (READY | QUIT)) === 0) {
        cpu.counters.threadSleeps++;
        if (cpu.schedule(polls ? 'poll' : 'epoll_wait')) yield;
      }
      cpu.cancelSleep();
      if (cpu.interleave(stateWord)) yield;
      cpu.fetchAnd(stateWord, ~WAITING);
    }
    if (polls) {
      if (ctx.fdLock.lock(cpu, SITE_POLL)) yield;
      cpu.fetchAnd(stateWord, ~(QUEUED | READY));
      if (ctx.fdLock.unlock(cpu)) yield;
    }
    // read(): fd_wqh.lock is held for the whole attempt.
    if (ctx.file.modify(cpu)) yield;
    cpu.spend(cpu.cost.uffd_read);
    if (ctx.fdLock.lock(cpu, SITE_READ)) yield;
    if (ctx.pendingTarget.lock(cpu, SITE_READ)) yield;
    const unit = ctx.readOldest(cpu);
    if (ctx.pendingTarget.unlock(cpu)) yield;
    if (ctx.fdLock.unlock(cpu)) yield;
    if (ctx.file.modify(cpu)) yield;
    if (unit < 0) cpu.counters.userfaultReadsEmpty++;
    else {
      cpu.counters.userfaultReads++;
      if (cpu.call(plan.resolve(cpu, unit))) yield;
    }
  }
}
