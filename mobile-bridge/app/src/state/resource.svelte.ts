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
 * What was shown stays until the new is there; where something else is asked for than what is shown, and cannot be had,
 * it goes: it would stand under another's name. News that come while it is being loaded have it loaded once more after
 * that, or none would ever be shown where they come faster than answers. It ends with its component.
 */
export function resource<T>(load: (signal: AbortSignal) => Promise<Answer<T>>, events: string[] = ['ledger']): Resource<T> {
  const held = new Resource<T>();
  let [turn, missed, other] = [-1, false, false];
  let since = -Infinity; // milliseconds of the page; when what is being loaded was asked for
  $effect(() => {
    other ||= turn === held.turn;
    turn = held.turn;
    [since, missed] = [performance.now(), false];
    const stop = new AbortController();
    let timer = 0;
    const over = (): void => {
      held.loading = false;
      since = -Infinity;
      if (missed) held.reload();
    };
    load(stop.signal).then(
      (answer) => {
        if (stop.signal.aborted) return;
        held.data = answer.data;
        held.error = null;
        held.keptFrom = answer.from === 'store' ? answer.when : null;
        other = false;
        if (answer.from === 'store') timer = window.setTimeout(held.reload, AGAIN_MS);
        over();
      },
      (error: Error) => {
        if (stop.signal.aborted) return;
        held.error = error;
        if (other) held.data = null;
        if (error instanceof Unreachable) timer = window.setTimeout(held.reload, AGAIN_MS);
        over();
      },
    );
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  });
  // One that takes so long may be on a line that is dead, and the news came by another: it is asked for anew.
  const news = (): void => (performance.now() - since < AGAIN_MS ? void (missed = true) : held.reload());
  $effect(() => {
    const ends = events.map((kind) => on(kind, news));
    return () => ends.forEach((end) => end());
  });
  return held;
}
