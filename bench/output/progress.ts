// Progress on stderr: one line that is rewritten on a terminal, plain lines elsewhere, with the time that is left.

import type { PlannedCell } from '../run/plan.js';
import { describeOptions } from '../suites/index.js';

const BAR_WIDTH = 20;
const REDRAW_MS = 200;

export interface ProgressOptions {
  cells: readonly PlannedCell[];
  quiet: boolean;
  /** Runs at once, for the estimate. */
  jobs: number;
  stream?: NodeJS.WriteStream;
  nowMs?: () => number;
}

export interface Progress {
  start(cell: PlannedCell): void;
  /** One run of a cell is done. */
  finish(cell: PlannedCell, seconds: number): void;
  /** A line of its own. */
  note(line: string): void;
  close(): void;
}

/** Starts the clock. */
export function openProgress(options: ProgressOptions): Progress {
  return options.quiet ? silent() : new ProgressLine(options);
}

function silent(): Progress {
  const nothing = (): void => undefined;
  return { start: nothing, finish: nothing, note: nothing, close: nothing };
}

class ProgressLine implements Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  readonly #totalWeight: number;
  readonly #totalRuns: number;
  readonly #jobs: number;
  readonly #names: ReadonlyMap<PlannedCell, string>;
  readonly #running: { cell: PlannedCell; sinceMs: number }[] = [];
  #doneWeight = 0;
  #doneSeconds = 0;
  #doneRuns = 0;
  #current = '';
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor({ cells, stream, nowMs, jobs }: ProgressOptions) {
    this.#stream = stream ?? process.stderr;
    this.#nowMs = nowMs ?? (() => performance.now());
    this.#startMs = this.#nowMs();
    this.#jobs = jobs;
    this.#names = shortNames(cells);
    this.#totalRuns = cells.reduce((sum, cell) => sum + cell.seeds.length, 0);
    this.#totalWeight = cells.reduce((sum, cell) => sum + cell.seeds.length * cell.weight, 0);
  }

  start(cell: PlannedCell): void {
    this.#running.push({ cell, sinceMs: this.#nowMs() });
    this.#current = this.#names.get(cell) ?? cell.suite.name;
    this.#draw(false);
  }

  finish(cell: PlannedCell, seconds: number): void {
    this.#doneRuns++;
    this.#doneWeight += cell.weight;
    this.#doneSeconds += seconds;
    const index = this.#running.findIndex((run) => run.cell === cell);
    if (index !== -1) this.#running.splice(index, 1);
    if (this.#stream.isTTY) this.#draw(this.#doneRuns === this.#totalRuns);
    else this.#stream.write(`[${this.#doneRuns}/${this.#totalRuns}] ${this.#names.get(cell)}: ${seconds.toFixed(1)} s${this.#left()}\n`);
  }

  note(line: string): void {
    this.#clear();
    this.#stream.write(`${line}\n`);
  }

  close(): void {
    this.#clear();
    if (this.#doneRuns > 0) this.#stream.write(`${this.#doneRuns} runs in ${clock((this.#nowMs() - this.#startMs) / 1000)}\n`);
  }

  #draw(now: boolean): void {
    if (!this.#stream.isTTY || (!now && this.#nowMs() - this.#drawnMs < REDRAW_MS)) return;
    this.#drawnMs = this.#nowMs();
    const filled = Math.round((BAR_WIDTH * this.#doneWeight) / Math.max(this.#totalWeight, 1e-9));
    const bar = '#'.repeat(filled).padEnd(BAR_WIDTH, '.');
    const line = `[${bar}] ${this.#doneRuns}/${this.#totalRuns}${this.#left()}  ${this.#current}`;
    this.#stream.write(`\r\x1b[K${line.slice(0, (this.#stream.columns || 80) - 1)}`);
  }

  #clear(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }

  /** The work that is left at the pace of the runs that are done, less what the running ones have spent, shared by the jobs. */
  #left(): string {
    if (this.#doneWeight === 0 || this.#doneRuns === this.#totalRuns) return '';
    const pace = this.#doneSeconds / this.#doneWeight;
    let left = (this.#totalWeight - this.#doneWeight) * pace;
    let longest = 0;
    for (const { cell, sinceMs } of this.#running) {
      const spent = (this.#nowMs() - sinceMs) / 1000;
      left -= Math.min(spent, cell.weight * pace);
      longest = Math.max(longest, cell.weight * pace - spent);
    }
    return `, ${clock(Math.max(left / this.#jobs, longest, 0))} left`;
  }
}

/** Of each cell its suite, and what is not the same in all cells of that suite: "dirty-log vcpus=64 ept=Y split=lazy", of several hosts "ampereone-2024 vcpus=8". */
function shortNames(cells: readonly PlannedCell[]): Map<PlannedCell, string> {
  return new Map([...new Set(cells.map(({ suite }) => suite))].flatMap((suite) => shortNamesOf(cells.filter((cell) => cell.suite === suite))));
}

function shortNamesOf(cells: readonly PlannedCell[]): [PlannedCell, string][] {
  const words = cells.map(({ suite, machine, options }) => [machine.record.name, ...describeOptions(suite, options).split(' ')]);
  const counts = new Map<string, number>();
  for (const word of words.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  return cells.map((cell, index) => [cell, [cell.suite.name, ...words[index].filter((word) => counts.get(word) !== cells.length)].join(' ')]);
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
