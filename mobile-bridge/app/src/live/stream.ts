// How does one tab hold the event stream? It reads, minds the pings, and connects again with what it heard last.
import { stream } from '../api/client.ts';
import { Problem } from '../api/problem.ts';
import { EventParser, type StreamEvent } from './parser.ts';

export const PING_SECONDS = 15;
/** The node's first words come at once. Later than this, somebody between holds the stream back. */
const FIRST_MS = 6000;
/** After two pings that did not come the line is dead, whatever the browser says. */
const SILENCE_MS = 2 * PING_SECONDS * 1000 + 3000;
const REST_MS = [200, 1000, 2000, 5000, 10_000, 30_000];
/** How often all is asked anew while nothing comes through: with the wait for the first words, each half minute. */
const HELD_REST_MS = 24_000;

/** `held`: the node answers, but its news do not come through; what is shown is asked for anew, each half minute. */
export type LineState = 'connecting' | 'open' | 'resting' | 'refused' | 'held';

export interface StreamListener {
  event(event: StreamEvent): void;
  state(state: LineState): void;
}

/** What is known of the connections before: what was heard last, and whether the last one was silent. */
interface Heard {
  id: string;
  silent: boolean;
  first: boolean;
}

/** What moved is not known: everything is looked at again. */
function lookAgain({ event }: StreamListener, id: string): void {
  for (const kind of ['ledger', 'sync']) event({ kind, data: '{}', id });
}

async function readAll({ id, silent: before, first }: Heard, listener: StreamListener, abort: AbortController): Promise<Heard> {
  const parser = new EventParser();
  parser.lastId = id;
  let silent = false;
  let reads = 0;
  const quiet = (): void => { silent = true; abort.abort(); };
  let watchdog = setTimeout(quiet, FIRST_MS);
  try {
    const body = await stream('/api/v1/events', { signal: abort.signal, headers: id ? { 'Last-Event-ID': id } : {} });
    const words = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      clearTimeout(watchdog);
      watchdog = setTimeout(quiet, SILENCE_MS);
      reads += 1;
      if (reads === (before ? 2 : 1)) listener.state('open'); // where the last one fell silent, a beginning proves nothing
      if (reads === 1 && !first) lookAgain(listener, parser.lastId); // that the ledger moved meanwhile is told by nobody
      for (const event of parser.push(words.decode(value, { stream: true }))) {
        if (event.kind === 'gap') lookAgain(listener, event.id);
        else listener.event(event);
      }
    }
  } catch (error) {
    if (!reads && !silent) throw error; // cut in the middle: the next connection asks for what came after this
  } finally {
    clearTimeout(watchdog);
  }
  return { id: parser.lastId, silent, first: first && !reads };
}

/** Holds the stream until `stop` is aborted. `wake` (online, visible again, another node) ends a rest, or cuts a line that may be dead. */
export async function holdStream(listener: StreamListener, stop: AbortSignal, wake: EventTarget): Promise<void> {
  let heard: Heard = { id: '', silent: false, first: true };
  for (let tries = 0; !stop.aborted; tries++) {
    const abort = new AbortController();
    let again = false;
    const cut = (): void => abort.abort();
    const retry = (): void => { again = true; cut(); };
    stop.addEventListener('abort', cut);
    wake.addEventListener('retry', retry);
    if (!heard.silent) listener.state('connecting');
    try {
      const began = Date.now();
      heard = await readAll(heard, listener, abort);
      if (Date.now() - began > 10_000) tries = 0;
    } catch (error) {
      const refused = error instanceof Problem && [401, 403, 404].includes(error.status);
      listener.state(refused ? 'refused' : 'resting');
      heard = { ...heard, silent: false };
      if (refused) tries = REST_MS.length;
    }
    stop.removeEventListener('abort', cut);
    wake.removeEventListener('retry', retry);
    if (again) tries = -1; // it was cut to be connected anew at once, over a line that is new
    else if (!stop.aborted) await rest(heard.silent ? held(listener, heard.id) : (REST_MS[Math.min(tries, REST_MS.length - 1)] ?? 1000), stop, wake);
  }
}

/** Nothing comes through: says so, and asks for what is shown. Answers for how long it may stand. */
function held(listener: StreamListener, id: string): number {
  listener.state('held');
  lookAgain(listener, id);
  return HELD_REST_MS;
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
