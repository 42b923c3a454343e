// Progress on stderr: one line that is rewritten on a terminal, plain lines elsewhere, with the time that is left.

import type { PlannedCell } from '../run/plan.js';

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
  #doneWeight = 0;
  #doneRuns = 0;
  #current = '';
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor({ cells, stream, nowMs }: ProgressOptions) {
    this.#stream = stream ?? process.stderr;
    this.#nowMs = nowMs ?? (() => performance.now());
    this.#startMs = this.#nowMs();
    this.#totalRuns = cells.reduce((sum, cell) => sum + cell.seeds.length, 0);
    this.#totalWeight = cells.reduce((sum, cell) => sum + cell.seeds.length * cell.weight, 0);
  }

  start(cell: PlannedCell): void {
    this.#current = shortName(cell);
    this.#draw(false);
  }

  finish(cell: PlannedCell, seconds: number): void {
    this.#doneRuns++;
    this.#doneWeight += cell.weight;
    if (this.#stream.isTTY) return this.#draw(this.#doneRuns === this.#totalRuns);
    this.#stream.write(`[${this.#doneRuns}/${this.#totalRuns}] ${shortName(cell)}: ${seconds.toFixed(1)} s${this.#left()}\n`);
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

  /** The work that is left at the pace so far, in the suite's unit of work. */
  #left(): string {
    if (this.#doneWeight === 0) return '';
    const seconds = (this.#nowMs() - this.#startMs) / 1000;
    const left = (seconds * (this.#totalWeight - this.#doneWeight)) / this.#doneWeight;
    return `, ${clock(left)} left`;
  }
}

function shortName(cell: PlannedCell): string {
  const { vcpus, split, ept, mmu } = cell.options;
  const words = [cell.suite.name, vcpus === undefined ? '' : `${vcpus} vCPUs`, mmu, split, ept === undefined ? '' : `ept=${ept === true ? 'Y' : 'N'}`];
  return words.filter((word) => word !== '' && word !== undefined).join(' ');
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
