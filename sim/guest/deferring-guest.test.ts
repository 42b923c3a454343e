import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DeferringGuest } from './deferring-guest.js';
import { type AccessLog, PageGuest } from './page-guest.js';
import { SequentialPattern, UniformPattern } from './page-pattern.js';

class Diary implements AccessLog {
  readonly done: (gfn: number, accesses: number) => void;
  readonly made: number[] = [];
  readonly turns: string[] = [];

  constructor() {
    this.done = (gfn, accesses) => {
      for (let page = 0; page < accesses; page++) this.made.push(gfn + page);
    };
  }

  next(task: number, computePs: number): void {
    this.turns.push(`next ${task} ${computePs}`);
  }

  putAside(task: number): void {
    this.turns.push(`aside ${task}`);
  }
}

const PLAN = { firstGfn: 100, pageFrames: 1, accesses: 5, computePs: 7 };

function makeGuest(tasks: number, poll: (guest: DeferringGuest) => void = () => undefined, accesses = 5) {
  const log = new Diary();
  const guest = new DeferringGuest({ guest: new PageGuest(new SequentialPattern(accesses), { ...PLAN, accesses }, log), log, tasks, poll });
  guest.restart();
  return { guest, log };
}

describe('PageGuest', () => {
  it('touches its pages in frames of their size, and computes between accesses', () => {
    const log = new Diary();
    const guest = new PageGuest(new SequentialPattern(3), { firstGfn: 512, pageFrames: 512, accesses: 4, computePs: 9 }, log);
    for (guest.restart(); guest.remaining > 0; guest.advance(1));
    assert.deepEqual(log.made, [512, 1024, 1536, 512]);
    assert.deepEqual(log.turns, ['next -1 0', 'next -1 9', 'next -1 9', 'next -1 9']);
  });

  it('goes on by several accesses at once', () => {
    const log = new Diary();
    const guest = new PageGuest(new SequentialPattern(4), { firstGfn: 0, pageFrames: 1, accesses: 6, computePs: 0 }, log);
    guest.restart();
    assert.equal(guest.alike(), 4);
    guest.advance(4);
    assert.deepEqual([guest.gfn, guest.remaining, guest.alike()], [0, 2, 2]);
  });
});

describe('DeferringGuest', () => {
  it('goes on with the next access while one waits, and comes back to it', () => {
    const { guest, log } = makeGuest(2);
    const task = guest.defer();
    guest.advance(1);
    guest.ready(task);
    guest.advance(1);
    guest.advance(1);
    guest.advance(1);
    guest.advance(1);
    assert.deepEqual(log.made, [101, 102, 100, 103, 104]);
    assert.equal(guest.remaining, 0);
  });

  it('waits when as many tasks are aside as there may be', () => {
    const { guest } = makeGuest(2);
    const first = guest.defer();
    assert.ok(guest.runnable);
    guest.defer();
    assert.ok(!guest.runnable);
    guest.ready(first);
    assert.ok(guest.runnable);
    assert.equal(guest.gfn, 100);
  });

  it('counts no access that it makes while all tasks wait', () => {
    const { guest, log } = makeGuest(1);
    const task = guest.defer();
    assert.equal(guest.gfn, 100);
    guest.advance(1);
    assert.equal(guest.remaining, 5);
    guest.ready(task);
    guest.advance(1);
    assert.deepEqual(log.made, [100]);
  });

  it('puts an access aside again, as the same task', () => {
    const { guest, log } = makeGuest(1);
    const task = guest.defer();
    guest.ready(task);
    assert.equal(guest.defer(), task);
    guest.ready(task);
    guest.advance(1);
    assert.deepEqual(log.made, [100]);
    assert.equal(guest.gfn, 101);
  });

  it('makes every access exactly once, whenever pages come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 2 })),
        fc.integer({ min: 1, max: 40 }),
        (tasks, choices, accesses) => {
          const log = new Diary();
          const inner = new PageGuest(new UniformPattern(1000, 5), { ...PLAN, accesses }, log);
          const takesOne = (guest: DeferringGuest): void => {
            if (guest.waiting.length > 0 && choices.next().value === 0) guest.ready(guest.waiting[0]);
          };
          const guest = new DeferringGuest({ guest: inner, log, tasks, poll: takesOne });
          guest.restart();
          for (let step = 0; guest.remaining > 0 && step < 10_000; step++) {
            if (!guest.runnable) takesOne(guest);
            else if (choices.next().value === 1) guest.defer();
            else guest.advance(1);
          }
          const pattern = new UniformPattern(1000, 5);
          const expected = Array.from({ length: accesses }, () => 100 + pattern.next());
          const inOrder = (a: number, b: number): number => a - b;
          assert.deepEqual(log.made.sort(inOrder), expected.sort(inOrder));
        },
      ),
      { seed: 1 },
    );
  });
});
