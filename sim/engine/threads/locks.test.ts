import { after } from 'node:test';
import { describeLocks, KIT_SITES, type LockHarness } from '../locks.kit.js';
import { endKitWorkers, runKit } from './workers.kit.js';

after(endKitWorkers);

function threadsHarness(options: { park: boolean; gangs: LockHarness['gangs'] }): LockHarness {
  const { park, gangs } = options;
  return { gangs, run: (kitCase) => runKit({ kit: 'locks', kitCase }, { park, siteNames: KIT_SITES }) };
}

// A lock that only spins on more threads than cores waits for the scheduler at every hand-off: two CPUs and few rounds are enough there.
describeLocks('locks of the threads engine, spinning', threadsHarness({ park: false, gangs: [{ cpuCount: 2, rounds: 200 }] }));
describeLocks(
  'locks of the threads engine, parking',
  threadsHarness({
    park: true,
    gangs: [
      { cpuCount: 2, rounds: 1000 },
      { cpuCount: 8, rounds: 100 },
    ],
  }),
);
