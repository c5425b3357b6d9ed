// How does one tab hold the event stream? It reads, minds the pings, and connects again with what it heard last.
import { stream } from '../api/client.ts';
import { Problem } from '../api/problem.ts';
import { EventParser, type StreamEvent } from './parser.ts';

export const PING_SECONDS = 15;
/** After two pings that did not come the line is dead, whatever the browser says. */
const SILENCE_MS = 2 * PING_SECONDS * 1000 + 3000;
const REST_MS = [200, 1000, 2000, 5000, 10_000, 30_000];

export type LineState = 'connecting' | 'open' | 'resting' | 'refused';

export interface StreamListener {
  event(event: StreamEvent): void;
  state(state: LineState): void;
}

async function readAll(after: string, listener: StreamListener, abort: AbortController): Promise<string> {
  const headers = after ? { 'Last-Event-ID': after } : {};
  const body = await stream('/api/v1/events', { signal: abort.signal, headers });
  const parser = new EventParser();
  parser.lastId = after;
  const words = new TextDecoder();
  const reader = body.getReader();
  let watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
  listener.state('open');
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return parser.lastId;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
      for (const event of parser.push(words.decode(value, { stream: true }))) listener.event(event);
    }
  } catch {
    return parser.lastId; // cut in the middle: the next connection asks for what came after this
  } finally {
    clearTimeout(watchdog);
  }
}

/** Holds the stream until `stop` is aborted. `wake` (online, visible again, another node) ends a rest, or cuts a line that may be dead. */
export async function holdStream(listener: StreamListener, stop: AbortSignal, wake: EventTarget): Promise<void> {
  let last = '';
  for (let tries = 0; !stop.aborted; tries++) {
    const abort = new AbortController();
    let again = false;
    const cut = (): void => abort.abort();
    const retry = (): void => { again = true; cut(); };
    stop.addEventListener('abort', cut);
    wake.addEventListener('retry', retry);
    listener.state('connecting');
    try {
      const began = Date.now();
      last = await readAll(last, listener, abort);
      if (Date.now() - began > 10_000) tries = 0;
    } catch (error) {
      const refused = error instanceof Problem && [401, 403, 404].includes(error.status);
      listener.state(refused ? 'refused' : 'resting');
      if (refused) tries = REST_MS.length;
    }
    stop.removeEventListener('abort', cut);
    wake.removeEventListener('retry', retry);
    if (again) tries = -1; // it was cut to be connected anew at once, over a line that is new
    else if (!stop.aborted) await rest(REST_MS[Math.min(tries, REST_MS.length - 1)] ?? 1000, stop, wake);
  }
}

function rest(milliseconds: number, stop: AbortSignal, wake: EventTarget): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', end);
      wake.removeEventListener('retry', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    stop.addEventListener('abort', end);
    wake.addEventListener('retry', end);
  });
}
