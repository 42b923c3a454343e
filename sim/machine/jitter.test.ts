import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Jitter } from './jitter.js';

const MEAN_PS = 3_000_000;
const DRAWS = 100_000;

function draws(distribution: 'none' | 'uniform' | 'exponential', thread = 0): number[] {
  const jitter = new Jitter({ distribution, meanPs: MEAN_PS, seed: 1 });
  return Array.from({ length: DRAWS }, () => jitter.draw(thread));
}

function shareAbove(values: readonly number[], multiple: number): number {
  return values.filter((value) => value > multiple * MEAN_PS).length / values.length;
}

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, expected ${expected} within ${tolerance}`);
}

describe('Jitter', () => {
  it('adds nothing when there is none', () => {
    assert.ok(draws('none').every((value) => value === 0));
  });

  for (const distribution of ['uniform', 'exponential'] as const) {
    it(`has the mean that was asked for: ${distribution}`, () => {
      const values = draws(distribution);
      assertNear(values.reduce((sum, value) => sum + value, 0) / DRAWS / MEAN_PS, 1, 0.015);
      assert.ok(values.every((value) => Number.isSafeInteger(value) && value >= 0));
    });
  }

  it('is exponential: e^-x of the draws are above x means', () => {
    const values = draws('exponential');
    for (const [multiple, share] of [
      [0.5, 0.6065],
      [1, 0.3679],
      [2, 0.1353],
      [4, 0.0183],
    ]) {
      assertNear(shareAbove(values, multiple), share, 0.006);
    }
  });

  it('is uniform up to twice the mean', () => {
    const values = draws('uniform');
    for (const multiple of [0.5, 1, 1.5]) assertNear(shareAbove(values, multiple), 1 - multiple / 2, 0.006);
    assert.equal(shareAbove(values, 2), 0);
  });

  it('draws for each thread from numbers of its own, whoever else draws', () => {
    const jitter = new Jitter({ distribution: 'exponential', meanPs: MEAN_PS, seed: 1 });
    const mixed = Array.from({ length: 100 }, () => {
      jitter.draw(1);
      return jitter.draw(0);
    });
    assert.deepEqual(mixed, draws('exponential').slice(0, 100));
    assert.notDeepEqual(draws('exponential', 1).slice(0, 10), mixed.slice(0, 10));
  });
});
