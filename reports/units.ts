// Numbers for people: durations, counts, sizes and ratios, with the same digits on every host.

const TIME_UNITS: readonly (readonly [number, string])[] = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
  [1, 'ns'],
];

/** A duration in nanoseconds with four digits, whole nanoseconds without a point: "16.50 s", "83.91 ms", "7 ns". Not a number prints as "-". */
export function formatNs(ns: number): string {
  if (!Number.isFinite(ns)) return '-';
  const rounded = Number(ns.toPrecision(4));
  const [scale, unit] = TIME_UNITS.find(([size]) => Math.abs(rounded) >= size) ?? [1, 'ns'];
  return unit === 'ns' && Number.isInteger(rounded) ? `${rounded} ns` : `${digits(rounded / scale, 4)} ${unit}`;
}

/** A number with `significant` digits, without an exponent below a million. */
export function digits(value: number, significant: number): string {
  if (!Number.isFinite(value)) return '-';
  const rounded = Number(value.toPrecision(significant));
  if (rounded === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(rounded)));
  return rounded.toFixed(Math.min(12, Math.max(0, significant - 1 - magnitude)));
}

/** A count: exact below a million ("262,144"), then shortened ("16.78 M"). */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 1e9) return `${digits(value / 1e9, 4)} G`;
  if (Math.abs(value) >= 1e6) return `${digits(value / 1e6, 4)} M`;
  if (Number.isInteger(value)) return groupThousands(String(value));
  return Math.abs(value) >= 1e4 ? groupThousands(digits(value, 4)) : digits(value, 4);
}

function groupThousands(text: string): string {
  return text.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A metric in the unit of its record. */
export function formatMetric(value: number, unit: string): string {
  if (unit === 'ns') return formatNs(value);
  if (unit === 'per_s') return `${formatCount(value)}/s`;
  if (unit === 'bytes') return formatMemory(value);
  return unit === 'ratio' ? digits(value, 3) : formatCount(value);
}

/** Two metrics as a range; a shared unit is said once: "1.20..1.36 s", "960 ms..1.02 s". */
export function formatMetricRange(low: number, high: number, unit: string): string {
  const [from, to] = [formatMetric(low, unit), formatMetric(high, unit)];
  const [number, suffix] = from.split(' ');
  return suffix !== undefined && to.endsWith(` ${suffix}`) ? `${number}..${to}` : `${from}..${to}`;
}

/** Bytes in the largest binary unit that divides them: "1G", "128M", "4K", "5000". */
export function formatBytes(bytes: number): string {
  for (const [size, suffix] of [
    [1024 ** 4, 'T'],
    [1024 ** 3, 'G'],
    [1024 ** 2, 'M'],
    [1024, 'K'],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${suffix}`;
  }
  return String(bytes);
}

/** An amount of memory, exact below 100 KiB: "12,345 B", then four digits in a binary unit: "1.004 GiB". */
export function formatMemory(bytes: number): string {
  if (!Number.isFinite(bytes)) return '-';
  for (const [size, unit] of [
    [1024 ** 4, 'TiB'],
    [1024 ** 3, 'GiB'],
    [1024 ** 2, 'MiB'],
    [100 * 1024, 'KiB'],
  ] as const) {
    if (Math.abs(bytes) >= size) return `${digits(bytes / (unit === 'KiB' ? 1024 : size), 4)} ${unit}`;
  }
  return `${Number.isInteger(bytes) ? groupThousands(String(bytes)) : digits(bytes, 4)} B`;
}

/** A ratio: two decimals, three digits far from 1. */
export function formatRatio(ratio: number): string {
  if (!Number.isFinite(ratio)) return '-';
  return ratio >= 100 ? ratio.toFixed(0) : ratio >= 0.1 ? ratio.toFixed(2) : digits(ratio, 2);
}

/** A number without the zeroes that say nothing: "1.5", "1.35", "2". */
export function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** A range relative to its middle, as percent of it: "1.2 %", "0 %". */
export function formatSpread(low: number, high: number, middle: number): string {
  const percent = (100 * (high - low)) / middle;
  if (!Number.isFinite(percent)) return '-';
  return percent === 0 ? '0 %' : percent < 0.1 ? '<0.1 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

/** Decimals that give the smallest of some values three significant digits: one fixed format for a whole table, so that points align. */
export function decimalsFor(values: readonly number[]): number {
  const smallest = Math.min(...values.filter((value) => Number.isFinite(value) && value > 0));
  if (!Number.isFinite(smallest)) return 3;
  return Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(smallest))));
}
