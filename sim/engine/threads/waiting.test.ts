import { after } from 'node:test';
import { describeWaiting } from '../waiting.kit.js';
import { endKitWorkers, runKit } from './workers.kit.js';

after(endKitWorkers);

describeWaiting('sleeping threads of the threads engine', {
  gangs: [
    { cpuCount: 2, rounds: 2000 },
    { cpuCount: 6, rounds: 500 },
    { cpuCount: 16, rounds: 100 },
  ],
  run: (kitCase) => runKit({ kit: 'waiting', kitCase }, { park: true, siteNames: [] }),
});
