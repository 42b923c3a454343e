import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Crew, combineTimes, isInCrew } from './scenario.js';

describe('isInCrew', () => {
  it('knows two vCPUs and the ioctl thread', () => {
    const members = (crew: Crew) => [0, 1, 2].filter((id) => isInCrew(crew, id, 2));
    assert.deepEqual(members('vcpus'), [0, 1]);
    assert.deepEqual(members('ioctl'), [2]);
    assert.deepEqual(members('all'), [0, 1, 2]);
    assert.deepEqual(members('together'), [0, 1, 2]);
  });

  it('lets services take part only where vCPUs are served', () => {
    const members = (crew: Crew) => [0, 1, 2, 3].filter((id) => isInCrew(crew, id, 2));
    assert.deepEqual(members('served'), [0, 1, 2, 3]);
    for (const crew of ['vcpus', 'ioctl', 'all', 'together'] as const) assert.equal(members(crew).includes(3), false);
  });
});

describe('combineTimes', () => {
  const time = (metric: string, ns: number, orderSensitive = false) => ({ metric, ns, orderSensitive });

  it('adds up the phases of a metric, in the order of first appearance, and leaves out what has none', () => {
    const times = [time('', 1000), time('b', 5), time('a', 7), time('b', 6)];
    assert.deepEqual(combineTimes(times, [{ metric: 'a' }, { metric: 'b' }], {}), [time('b', 11), time('a', 7)]);
  });

  it('divides by the count that a metric is per, and rounds once', () => {
    const times = [time('iteration', 10), time('iteration', 11), time('other', 9)];
    const phases = [{ metric: 'iteration', per: 'loops' as const }, { metric: 'other' }];
    assert.deepEqual(combineTimes(times, phases, { loops: 4 }), [time('iteration', 5), time('other', 9)]);
    assert.deepEqual(combineTimes(times, phases, { loops: 0 })[0].ns, 21);
  });

  it('is sensitive to the order when one phase of the metric is', () => {
    assert.equal(combineTimes([time('a', 1), time('a', 1, true), time('a', 1)], [], {})[0].orderSensitive, true);
  });

  it('leaves its input alone', () => {
    const times = [time('a', 1), time('a', 2)];
    combineTimes(times, [], {});
    assert.deepEqual(times, [time('a', 1), time('a', 2)]);
  });
});
