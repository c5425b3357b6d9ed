// How does a screen keep what it shows fresh? It names what it needs; that is loaded, and loaded again when the ledger moved.
import type { Answer } from '../api/client.ts';
import { Unreachable } from '../api/problem.ts';
import { on } from '../live/live.ts';

const AGAIN_MS = 5000;

export class Resource<T> {
  data = $state.raw<T | null>(null);
  error = $state.raw<Error | null>(null);
  /** Nothing is here yet. */
  loading = $state(true);
  /** Since when it is as it is, where no node answered. */
  keptFrom = $state.raw<Date | null>(null);
  turn = $state(0);

  /** Loads it again now. */
  reload = (): void => void this.turn++;
}

/**
 * For a component's script. What `load` reads of runes before its first await makes it load again; so do the named events.
 * What was shown stays until the new is there. It ends with its component.
 */
export function resource<T>(load: (signal: AbortSignal) => Promise<Answer<T>>, events: string[] = ['ledger']): Resource<T> {
  const held = new Resource<T>();
  $effect(() => {
    void held.turn;
    const stop = new AbortController();
    let timer = 0;
    load(stop.signal).then(
      (answer) => {
        if (stop.signal.aborted) return;
        held.data = answer.data;
        held.error = null;
        held.loading = false;
        held.keptFrom = answer.from === 'store' ? answer.when : null;
        if (answer.from === 'store') timer = window.setTimeout(held.reload, AGAIN_MS);
      },
      (error: Error) => {
        if (stop.signal.aborted) return;
        held.error = error;
        held.loading = false;
        if (error instanceof Unreachable) timer = window.setTimeout(held.reload, AGAIN_MS);
      },
    );
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  });
  $effect(() => {
    const ends = events.map((kind) => on(kind, held.reload));
    return () => ends.forEach((end) => end());
  });
  return held;
}
