// Is the node at the end of this line still there? It is asked now and again; one answer that stays out and the line counts as lost.

/** Milliseconds from one question to the next. */
export const ASK_EVERY_MS = 500;
/** Milliseconds after which a question counts as unanswered. */
export const PATIENCE_MS = 600;

/** Promises an answer of any kind; rejects where nobody answers, and when `signal` aborts. */
export type Ask = (signal: AbortSignal) => Promise<unknown>;

/** Whether an answer comes in time. */
export function answers(ask: Ask, signal: AbortSignal): Promise<boolean> {
  return new Promise((keep) => {
    const stop = new AbortController();
    const end = (there: boolean): void => { clearTimeout(timer); signal.removeEventListener('abort', off); keep(there); stop.abort(); };
    const off = (): void => end(false);
    const timer = setTimeout(off, PATIENCE_MS); // its own: a request may not heed its signal
    signal.addEventListener('abort', off);
    ask(stop.signal).then(() => end(true), off);
  });
}

/** Asks until `signal` aborts, or until an answer stays out: then `lost` is called, once. While `resting` nobody is asked. */
export function watchLine(ask: Ask, lost: () => void, signal: AbortSignal, resting: () => boolean): void {
  let open = false;
  const end = (): void => clearInterval(timer);
  const timer = setInterval(() => {
    if (open || resting()) return;
    open = true;
    void answers(ask, signal).then((there) => {
      open = false;
      if (there || signal.aborted) return;
      end();
      signal.removeEventListener('abort', end);
      lost();
    });
  }, ASK_EVERY_MS);
  signal.addEventListener('abort', end, { once: true });
}
