// How do all tabs hear the node with one stream? The tab with the lock reads it and tells the others by a channel.
import { holdStream, type LineState } from './stream.ts';
import type { StreamEvent } from './parser.ts';

type Told = { event: StreamEvent } | { state: LineState };
type Handler = (event: StreamEvent) => void;

const handlers = new Map<string, Set<Handler>>();
const wake = new EventTarget();
let onState: (state: LineState) => void = () => undefined;
let channel: BroadcastChannel | null = null;

/** Calls the handler for each event of this kind (`ledger`, `output`, `device`, `sync`); answers how to stop. */
export function on(kind: string, handler: Handler): () => void {
  const all = handlers.get(kind) ?? new Set();
  handlers.set(kind, all.add(handler));
  return () => all.delete(handler);
}

function hear(told: Told): void {
  if ('state' in told) onState(told.state);
  else for (const each of handlers.get(told.event.kind) ?? []) each(told.event);
}

function tell(told: Told): void {
  hear(told);
  channel?.postMessage(told);
}

/** Connects anew at once: another node was chosen, a token came, the network is back. */
export function reconnect(): void {
  wake.dispatchEvent(new Event('retry'));
  channel?.postMessage({ retry: true });
}

/** Starts listening; `state` hears how the line is. Call once. Where there are no locks (plain HTTP) each tab has its own stream. */
export function startLive(state: (state: LineState) => void): () => void {
  onState = state;
  const stop = new AbortController();
  channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('shiftbook-live') : null;
  channel?.addEventListener('message', ({ data }: MessageEvent<Told | { retry: true }>) => {
    if ('retry' in data) wake.dispatchEvent(new Event('retry'));
    else hear(data);
  });
  const lead = (): Promise<void> =>
    holdStream({ event: (event) => tell({ event }), state: (line) => tell({ state: line }) }, stop.signal, wake);
  if (navigator.locks) {
    navigator.locks.request('shiftbook-live', { signal: stop.signal }, lead).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
  } else void lead();
  let hiddenAt = 0;
  const back = (): void => {
    if (document.visibilityState === 'hidden') hiddenAt = Date.now();
    else if (Date.now() - hiddenAt > 30_000) wake.dispatchEvent(new Event('retry')); // a phone slept: the line is not to be believed
  };
  const online = (): void => void wake.dispatchEvent(new Event('retry'));
  document.addEventListener('visibilitychange', back);
  addEventListener('online', online);
  return () => {
    stop.abort();
    document.removeEventListener('visibilitychange', back);
    removeEventListener('online', online);
    channel?.close();
  };
}
