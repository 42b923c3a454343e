// Progress of checks on stderr: one line that is rewritten on a terminal, and nothing elsewhere.

import type { CheckProgress } from '../../sim/index.js';

const REDRAW_MS = 200;

export interface CheckProgressOptions {
  /** Checks in all. */
  count: number;
  quiet: boolean;
  stream?: NodeJS.WriteStream;
  nowMs?: () => number;
}

/** The line of progress. */
export interface CheckProgressLine {
  /** Counts of the check `name`, which runs; `progress` is that of the whole check so far. */
  show(name: string, progress: CheckProgress): void;
  /** The check `name` is done. */
  finish(name: string): void;
  /** A line of its own, also where there is no terminal. */
  note(line: string): void;
  close(): void;
}

/** Starts the clock. */
export function openCheckProgress(options: CheckProgressOptions): CheckProgressLine {
  const stream = options.stream ?? process.stderr;
  const isShown = stream.isTTY === true && !options.quiet;
  const nowMs = options.nowMs ?? (() => performance.now());
  const since = new Map<string, number>();
  let done = 0;
  let drawnMs = Number.NEGATIVE_INFINITY;
  const clear = (): void => void (isShown && stream.write('\r\x1b[K'));
  return {
    show: (name, progress) => {
      const now = nowMs();
      const startMs = since.get(name) ?? now;
      since.set(name, startMs);
      if (!isShown || now - drawnMs < REDRAW_MS) return;
      drawnMs = now;
      const line = `${options.count > 1 ? `[${done}/${options.count}] ` : ''}${name}: ${countsText(progress, (now - startMs) / 1000)}`;
      stream.write(`\r\x1b[K${line.slice(0, (stream.columns || 80) - 1)}`);
    },
    finish: (name) => {
      since.delete(name);
      done++;
    },
    note: (line) => {
      clear();
      if (!options.quiet) stream.write(`${line}\n`);
    },
    close: clear,
  };
}

function countsText({ schedules, pruned }: CheckProgress, seconds: number): string {
  const rate = seconds > 0 ? `, ${Math.round(schedules / seconds)}/s` : '';
  return `${schedules} schedules, ${pruned} pruned${rate}`;
}
