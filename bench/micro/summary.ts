// What the measured numbers say: how each structure grows, who is faster than the best peer, and where a scan stops being good enough.

import { crossingPoint, FIT_FROM, growthExponent, logarithmExponent } from './fit.js';
import type { Measured } from './measure.js';
import { FLATTEN, SORTED_BTREE } from './peers.js';
import { OPERATIONS } from './tasks.js';

const PACKAGES: readonly string[] = [SORTED_BTREE, FLATTEN];
const OURS: readonly string[] = ['tree', 'btree'];
/** KVM's most memslots: where ours and the packages are compared. */
const COMPARED_AT = 32764;

export interface Growth {
  operation: string;
  structure: string;
  /** Slope of log(time) against log(n) from n = 100 on. NaN where fewer than two sizes were measured. */
  exponent: number;
}

/** How ours stands against the package that does the same. */
export interface Comparison {
  operation: string;
  structure: string;
  peer: string;
  n: number;
  /** Time of the package by ours: above 1, ours is faster. */
  timesAsFast: number;
}

/** Operations in the order of tables, each with its structures in the order in which they ran. */
export function groups(measured: readonly Measured[]): { operation: string; structures: string[] }[] {
  return OPERATIONS.map((operation) => ({
    operation,
    structures: [...new Set(measured.filter((row) => row.operation === operation).map(({ structure }) => structure))],
  })).filter(({ structures }) => structures.length > 0);
}

/** Rows of one line of a table, by size. */
export function rowsOf(measured: readonly Measured[], operation: string, structure: string): Measured[] {
  return measured.filter((row) => row.operation === operation && row.structure === structure);
}

/** The fitted exponent of everything that was measured. */
export function growths(measured: readonly Measured[]): Growth[] {
  return groups(measured).flatMap(({ operation, structures }) =>
    structures.map((structure) => ({ operation, structure, exponent: growthExponent(pointsOf(measured, operation, structure)) })),
  );
}

/** The exponent that log(n) would show over the sizes of the fit. */
export function logarithmOf(measured: readonly Measured[]): number {
  return logarithmExponent([...new Set(measured.map(({ n }) => n))]);
}

/** Ours against the packages, at 32764 memslots, or at the largest size where that was not measured. */
export function comparisons(measured: readonly Measured[]): Comparison[] {
  const sizes = measured.map(({ n }) => n);
  const n = sizes.includes(COMPARED_AT) ? COMPARED_AT : Math.max(...sizes);
  const here = measured.filter((row) => row.n === n);
  return here.flatMap((row) => {
    const peer = here.find((other) => other.operation === row.operation && PACKAGES.includes(other.structure));
    if (peer === undefined || !OURS.includes(row.structure)) return [];
    return [{ operation: row.operation, structure: row.structure, peer: peer.structure, n, timesAsFast: peer.ns.median / row.ns.median }];
  });
}

/** One sentence each: the crossing point of the array's scan, and where ours are slower than a package. */
export function sentences(measured: readonly Measured[]): string[] {
  const lost = comparisons(measured).filter(({ timesAsFast }) => timesAsFast < 1);
  const losses = lost.map(
    ({ operation, structure, peer, n, timesAsFast }) =>
      `${structure} is slower than ${peer} at ${n} memslots: ${operation}, ${timesAsFast.toFixed(2)} times as fast`,
  );
  const compared = comparisons(measured);
  const won =
    compared.length > 0 && lost.length === 0 ? [`tree and btree are at least as fast as the packages in every operation at ${compared[0].n} memslots`] : [];
  return [...crossing(measured), ...losses, ...won, ...countedGrowth(measured)];
}

function crossing(measured: readonly Measured[]): string[] {
  return OURS.flatMap((structure) => {
    const slow = pointsOf(measured, 'overlap by hva', 'array');
    const fast = pointsOf(measured, 'overlap by hva', structure);
    if (slow.length === 0 || fast.length === 0) return [];
    const at = crossingPoint(slow, fast);
    if (at === undefined) return [`The array's scan by hva is not slower than ${structure} at any size measured`];
    const smallest = Math.min(...slow.map(({ n }) => n));
    return [
      `The array's scan by hva is slower than ${structure} from ${at === smallest ? `${at} memslots (the smallest size measured)` : `about ${Math.round(at)} memslots`} on`,
    ];
  });
}

function pointsOf(measured: readonly Measured[], operation: string, structure: string): { n: number; ns: number }[] {
  return rowsOf(measured, operation, structure).map(({ n, ns }) => ({ n, ns: ns.median }));
}

/** How the counted cache lines of ours grow, which no host's caches can bend. One sentence, none where nothing was counted. */
export function countedGrowth(measured: readonly Measured[]): string[] {
  const counted = measured.filter(({ linesPerOp }) => linesPerOp > 0);
  const exponents = groups(counted).flatMap(({ operation, structures }) =>
    structures.map((structure) => growthExponent(rowsOf(counted, operation, structure).map(({ n, linesPerOp }) => ({ n, ns: linesPerOp })))),
  );
  const known = exponents.filter((exponent) => !Number.isNaN(exponent));
  if (known.length === 0) return [];
  const [least, most] = [Math.min(...known), Math.max(...known)].map((exponent) => exponent.toFixed(2));
  return [
    `Cache lines that one operation of tree or btree touches, counted, grow with a slope of ${least} to ${most} (log n: ${logarithmOf(counted).toFixed(2)}); what time grows beyond that, caches that no longer hold the structure add`,
  ];
}

/** What the growth column means. */
export function growthNote(measured: readonly Measured[]): string {
  const logarithm = logarithmOf(measured);
  const reference = Number.isNaN(logarithm) ? '' : `; log n itself would be ${logarithm.toFixed(2)} over these sizes`;
  return `growth: slope of log(time) against log(n) from n = ${FIT_FROM} on (1 is linear)${reference}`;
}
