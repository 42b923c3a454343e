// Ctrl-C once: finish what runs, save, stop. Ctrl-C twice: stop at once (every finished cell is saved already).

import { setMaxListeners } from 'node:events';

/** npm passes on a Ctrl-C that the terminal has sent already; two within this time are one. */
const ONE_PRESS_MS = 500;

export interface Interrupt {
  /** Aborted by the first Ctrl-C. */
  stop: AbortSignal;
  /** Gives Ctrl-C back its usual meaning. */
  release(): void;
}

/** Listens for SIGINT: `onFirst` when the run is asked to stop, `onSecond` when it must end now. */
export function listenForInterrupt(handlers: { onFirst(): void; onSecond(): void }, source: NodeJS.EventEmitter = process): Interrupt {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // one listener per pass over the cells, and passes are many
  let firstMs = 0;
  const onSignal = (): void => {
    const nowMs = performance.now();
    if (!controller.signal.aborted) {
      firstMs = nowMs;
      controller.abort();
      handlers.onFirst();
    } else if (nowMs - firstMs > ONE_PRESS_MS) {
      handlers.onSecond();
    }
  };
  source.on('SIGINT', onSignal);
  return { stop: controller.signal, release: () => source.off('SIGINT', onSignal) };
}
