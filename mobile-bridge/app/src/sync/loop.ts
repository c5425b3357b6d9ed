// When does this browser sync? At once when something is said or a node is back, every so often, and after a failure later and later.
import type { Store } from '../store/store.ts';
import { exchange, SyncRefused, type Ask, type Exchanged } from './exchange.ts';

export interface LoopState {
  /** `idle`: all is sent. `waiting`: no node answers. `refused`: a node answers and does not take it. */
  kind: 'idle' | 'busy' | 'waiting' | 'refused';
  says: string;
  last: Exchanged | null;
}

const LOCK = 'shiftbook-sync';
const EVERY_MS = 30_000;
const FIRST_MS = 1_000;
const LIMIT_MS = 60_000;

/** The pause after so many failures in a row, half of it by chance. */
export function pauseAfter(failures: number, chance: () => number = Math.random): number {
  const whole = Math.min(LIMIT_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return whole / 2 + (whole / 2) * chance();
}

/** Syncs as `owner` until `signal` aborts; one tab at a time. Answers what wakes it. */
export function startSync(store: Store, ask: Ask, owner: string, tell: (state: LoopState) => void, signal: AbortSignal): () => void {
  let ring: () => void = () => undefined;
  const wake = (): void => ring();
  const sleep = (milliseconds: number): Promise<void> =>
    new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      const end = (): void => (clearTimeout(timer), done());
      ring = end;
      signal.addEventListener('abort', end, { once: true });
    });
  const run = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      tell({ kind: 'busy', says: '', last: null });
      try {
        const last = await exchange(store, ask, owner, signal);
        failures = 0;
        tell({ kind: 'idle', says: '', last });
        await sleep(EVERY_MS);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        tell({ kind: error instanceof SyncRefused ? 'refused' : 'waiting', says: error instanceof Error ? error.message : String(error), last: null });
        await sleep(pauseAfter(failures));
      }
    }
  };
  const held = navigator.locks ? navigator.locks.request(LOCK, { signal }, run) : run();
  held.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return wake;
}
