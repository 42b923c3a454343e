// A guest with several tasks: when one waits for a page, the guest puts it aside and runs another, and comes back once the page is here.
// This is what asynchronous page faults are for, as kvm_async_pf_task_wait_schedule() does on the guest's side.
//
// Each access is a task of its own: a task that waits holds up no other. Left out: the work of the guest's scheduler.
// Invariant: every access is done exactly once, put aside or not.

import { assert } from '../assert.js';
import type { GuestCode } from '../kvm/vcpu-run.js';
import type { AccessLog, PageGuest } from './page-guest.js';

const NO_TASK = -1;

export interface DeferringParts {
  guest: PageGuest;
  log: AccessLog;
  /** Tasks that may be aside at a time. */
  tasks: number;
  /** Looked at after each access: calls `ready` for the tasks whose pages have come. */
  poll(guest: DeferringGuest): void;
}

export class DeferringGuest implements GuestCode {
  gfn = 0;
  readonly write = true;
  remaining = 0;
  readonly computePs: number;
  readonly #parts: DeferringParts;
  /** The gfn that each task waits for. */
  readonly #gfns: Int32Array;
  readonly #free: number[] = [];
  /** Tasks whose pages have not come, oldest first. */
  readonly #waiting: number[] = [];
  /** Tasks that can go on, oldest first. */
  readonly #ready: number[] = [];
  /** The task that the current access belongs to; NO_TASK for an access that has never been aside. */
  #task = NO_TASK;
  /** False: the current access is one that waits. The guest idles, and looks again and again. */
  #runnable = false;

  constructor(parts: DeferringParts) {
    this.#parts = parts;
    this.computePs = parts.guest.computePs;
    this.#gfns = new Int32Array(parts.tasks);
    for (let task = parts.tasks - 1; task >= 0; task--) this.#free.push(task);
  }

  /** False: every task waits, or there is no room for another. */
  get runnable(): boolean {
    return this.#runnable;
  }

  /** From the next pass on accesses are taken down in another log. */
  logTo(log: AccessLog): this {
    this.#parts.log = log;
    this.#parts.guest.logTo(log);
    return this;
  }

  restart(): void {
    this.#parts.guest.restart();
    this.remaining = this.#parts.guest.remaining;
    this.#choose(0);
  }

  alike(): number {
    return 1;
  }

  /** An access is done; one that the guest made idly, without a task that can go on, counts for nothing. */
  advance(accesses: number): void {
    assert(accesses === 1, 'a guest with tasks makes its accesses one by one');
    const counts = this.#runnable;
    if (counts) this.#finish();
    this.#parts.poll(this);
    if (this.remaining > 0 && (counts || !this.#runnable)) this.#choose(this.computePs);
  }

  #finish(): void {
    this.#parts.log.done(this.gfn, 1);
    this.remaining--;
    if (this.#task === NO_TASK) this.#parts.guest.leave();
    else this.#free.push(this.#task);
    this.#task = NO_TASK;
  }

  /** Puts the current access aside and returns its task. One that was aside before stays the same task. */
  defer(): number {
    assert(this.#runnable, 'a guest without a task that can go on puts one aside');
    let task = this.#task;
    if (task === NO_TASK) {
      task = this.#free.pop() as number;
      this.#gfns[task] = this.gfn;
      this.#parts.guest.leave();
    }
    this.#parts.log.putAside(task);
    this.#waiting.push(task);
    this.#task = NO_TASK;
    this.#choose(0);
    return task;
  }

  /** Tasks that are aside, oldest first. */
  get waiting(): readonly number[] {
    return this.#waiting;
  }

  /** The page of a task is here: the guest turns to it after its current access. */
  ready(task: number): void {
    this.#waiting.splice(this.#waiting.indexOf(task), 1);
    this.#ready.push(task);
    if (!this.#runnable) this.#choose(0);
  }

  mark(): void {}

  rewind(): void {
    assert(false, 'a guest whose accesses are taken down has been cut short');
  }

  /** What to do next: a task whose page has come, else a new one, else to wait. */
  #choose(computePs: number): void {
    const { guest, log } = this.#parts;
    const task = this.#ready.shift() ?? NO_TASK;
    this.#task = task;
    this.#runnable = task !== NO_TASK || (guest.remaining > 0 && this.#free.length > 0);
    if (task !== NO_TASK) this.gfn = this.#gfns[task];
    else this.gfn = this.#runnable ? guest.gfn : this.#gfns[this.#waiting[0]];
    log.next(task, computePs);
  }
}
