// How does the page use the store? Through one object: each call goes to the worker that leads, whichever tab's it is.
import { CHANNEL, type MemoryReason, type Message, type Method, type Mode, type Reply } from './messages.ts';
import type { StoreCalls } from './methods.ts';

type Promised<T> = { [Name in keyof T]: T[Name] extends (...args: infer Given) => infer Made ? (...args: Given) => Promise<Made> : never };

/** The store cannot do it: the browser's room is full (StoreFull), no node would take it (StoreTooLarge), or it is broken (StoreFailed). */
export class StoreError extends Error {
  constructor(name: string, says: string) {
    super(says);
    this.name = name;
  }

  get full(): boolean {
    return this.name === 'StoreFull';
  }
}

export interface Store extends Promised<StoreCalls> {
  /** Where it is kept; `why` says why only in memory. */
  readonly place: { mode: Mode; why: MemoryReason };
  /** Calls when something was said or came in, in whichever tab; answers how to stop. */
  onMoved(hear: () => void): () => void;
  /** The whole store as an SQLite file. */
  dump(): Promise<Uint8Array<ArrayBuffer>>;
  /** Takes everything out of this browser that is in the store. */
  wipe(): Promise<void>;
}

interface Waiting {
  method: Method;
  args: unknown[];
  done(result: unknown): void;
  failed(error: Error): void;
}

const PATIENCE_MS = 30_000;

/** Opens the store. Promises it once a worker leads; rejects where none does within half a minute. */
export function openStore(device: string, timeout: number = PATIENCE_MS): Promise<Store> {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: device });
    const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(CHANNEL) : null;
    const tab = crypto.getRandomValues(new Uint32Array(2)).join('-');
    const waiting = new Map<number, Waiting>();
    const hearers = new Set<() => void>();
    const place: Store['place'] = { mode: 'kept', why: '' };
    let last = 0;
    let opened = false;

    const send = (id: number, { method, args }: Waiting): void => {
      const call: Message = { kind: 'call', from: tab, id, method, args };
      if (place.mode === 'memory') worker.postMessage(call);
      else channel?.postMessage(call);
    };
    const ask = (method: Method, args: unknown[]): Promise<unknown> =>
      new Promise((answered, refused) => {
        const one = { method, args, done: answered, failed: refused };
        waiting.set(++last, one);
        send(last, one);
      });
    const settle = ({ id, result, error }: Reply): void => {
      const one = waiting.get(id);
      waiting.delete(id);
      if (error) one?.failed(new StoreError(error.name, error.says));
      else one?.done(result);
    };
    const hear = (message: Message): void => {
      if (message.kind === 'ready') {
        Object.assign(place, { mode: message.mode, why: message.why });
        if (opened) for (const [id, one] of waiting) send(id, one); // another worker leads now: what was asked is asked again
        opened = true;
        clearTimeout(timer);
        done(store);
      } else if (message.kind === 'reply' && message.to === tab) settle(message);
      else if (message.kind === 'moved') for (const each of hearers) each();
    };
    const store = new Proxy({} as Store, {
      get(_, name) {
        if (typeof name !== 'string' || name === 'then') return undefined; // it is no promise, and nobody's state
        if (name === 'place') return place;
        if (name === 'onMoved') return (each: () => void) => (hearers.add(each), () => hearers.delete(each));
        return (...args: unknown[]) => ask(name as Method, args);
      },
    });
    worker.onmessage = ({ data }: MessageEvent<Message>) => hear(data);
    worker.onerror = (event) => failed(new StoreError('StoreFailed', event.message || 'the worker of the store did not start'));
    if (channel) channel.onmessage = ({ data }: MessageEvent<Message>) => hear(data);
    channel?.postMessage({ kind: 'hello' });
    const timer = setTimeout(() => failed(new StoreError('StoreFailed', 'no tab opened the store')), timeout);
  });
}
