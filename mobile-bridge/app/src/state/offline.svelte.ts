// What does this browser have when no node answers, and what of it is not sent yet? The store, the outbox and the sync, for the page.
import { setAnswerStore } from '../api/client.ts';
import { memoryStore, type AnswerStore } from '../api/answers.ts';
import { setOutbox } from '../api/intents.ts';
import { Unreachable } from '../api/problem.ts';
import { send } from '../api/transport.ts';
import { on } from '../live/live.ts';
import type { MemoryReason, Mode } from '../store/messages.ts';
import type { HeldQuestion } from '../store/question-table.ts';
import type { GivenOrder } from '../store/order-table.ts';
import type { Store } from '../store/store.ts';
import type { LoopState } from '../sync/loop.ts';
import { lostWith, rememberStore } from './lost-store.ts';
import { t } from '../texts/index.ts';
import { deviceName, session } from './session.svelte.ts';
import { toastError } from './toasts.svelte.ts';

class OfflineState {
  /** Null until the store is open, or where it cannot be. */
  store = $state.raw<Store | null>(null);
  mode = $state<Mode | 'none'>('none');
  why = $state<MemoryReason | 'broken'>('');
  /** Operations of this device that no node is known to hold. */
  pending = $state(0);
  /** Messages that no node has heard yet. */
  questions = $state.raw<HeldQuestion[]>([]);
  /** Orders that were given without a node and are not known to be done. */
  orders = $state.raw<GivenOrder[]>([]);
  sync = $state.raw<LoopState>({ kind: 'waiting', says: '', last: null });
  /** The browser's room is full: nothing new is kept until some is free. */
  full = $state(false);
  /** How many things went with a store that the browser has removed; null where it removed none. */
  lost = $state<number | null>(null);
  /** Counts what was said or came in; who shows it reads this. */
  moved = $state(0);
}

export const offline = new OfflineState();

let settle: (store: Store | null) => void = () => undefined;
/** The store once it is open; null where it cannot be. */
export const opened = new Promise<Store | null>((done) => (settle = done));

const CONTROL_MS = 4000;
let wake: () => void = () => undefined;
let stop = new AbortController();

/** What is loaded while the service worker controls the page is kept for times without a network. */
async function controlled(): Promise<void> {
  const worker = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!worker || worker.controller || __PAGE__ === 'development') return;
  await new Promise<void>((done) => {
    worker.addEventListener('controllerchange', () => done(), { once: true });
    setTimeout(done, CONTROL_MS);
  });
}

/** Opens the store when the page is at rest, and syncs from then on. Call once. */
export async function startOffline(): Promise<void> {
  setOutbox(async (intent, key) => {
    const store = await opened; // an order that is given before it is open waits for it
    if (!store) throw new Unreachable(t.errors.unreachable);
    const { outboxOf } = await import('../sync/outbox.ts');
    await outboxOf(store, () => wake())(intent, key);
  });
  await controlled();
  try {
    const { openStore } = await import('../store/store.ts');
    const store = await openStore(deviceName());
    Object.assign(offline, { store, mode: store.place.mode, why: store.place.why });
    if (store.place.mode === 'kept') offline.lost = lostWith((await store.standing()).born);
    setAnswerStore(answersIn(store), { heir: true }); // the first screen was read before the store was open
    store.onMoved(() => void refresh(store));
    on('sync', () => wake());
    addEventListener('online', () => wake());
    await refresh(store);
    settle(store);
    if (localStorage.getItem('shiftbook.device-model')) await (await import('../device-model/device-model.svelte.ts')).keepDeviceEngine().catch(() => undefined); // without a network it is here, or comes later
  } catch (error) {
    settle(null);
    setOutbox(null);
    Object.assign(offline, { mode: 'none', why: 'broken' });
    console.warn('this page keeps nothing for times without a node:', error);
  }
}

/** Begins to sync, or begins anew, once it is known who this is; a caller that may not sync does not. */
export async function followSession(): Promise<void> {
  const { store } = offline;
  stop.abort();
  const mine = new AbortController();
  stop = mine;
  if (!store || !session.me?.scopes.includes('sync')) return;
  const { startSync } = await import('../sync/loop.ts');
  if (mine.signal.aborted) return;
  const headers = { Accept: 'application/json' };
  wake = startSync(
    store,
    (method, path, body, signal) => send({ method, path, body, signal, headers: body === null ? headers : { ...headers, 'Content-Type': 'application/json' } }),
    deviceName(),
    (state) => {
      offline.sync = state;
      void refresh(store);
    },
    mine.signal,
  );
}

/** Syncs now: a node answers again, say. */
export const syncNow = (): void => wake();

let refreshing: Promise<void> | null = null;
let again = false;

/** Looks how the store stands; however often it is called meanwhile, once more after that. */
function refresh(store: Store): Promise<void> {
  again = refreshing !== null;
  refreshing ??= (async () => {
    try {
      do {
        again = false;
        await look(store);
      } while (again);
    } finally {
      refreshing = null;
    }
  })();
  return refreshing;
}

async function look(store: Store): Promise<void> {
  const standing = await store.standing().catch(() => null); // wiped, or broken: the page tells that where it matters
  if (!standing) return;
  const { pending } = standing;
  if (pending > offline.pending && offline.sync.kind !== 'busy') wake(); // said in another tab, perhaps, and this one has the line
  offline.pending = pending;
  const held = await store.questions();
  if (held.length || offline.questions.length) offline.questions = held;
  const orders = await store.orders();
  if (orders.length || offline.orders.length) tellOrders((offline.orders = orders));
  if (store.place.mode === 'kept') rememberStore(standing.born, pending + held.length);
  offline.moved += 1;
}

const toldOrders = new Set<string>();

/** Says once, since the page was loaded, that an order was not done; where it stands it stays until a person has seen it. */
function tellOrders(orders: GivenOrder[]): void {
  const news = orders.filter((one) => one.state !== 'waiting' && !toldOrders.has(one.entity));
  for (const { entity } of news) toldOrders.add(entity);
  const [one] = news;
  if (one) toastError(news.length > 1 ? t.orders.several(news.length) : t.orders.notDone(t.orders.order(one.action, one.mission), one.says || t.orders[one.state]));
}

/** Answers of nodes in the store; where its room is full the newest are kept in memory, and the person is told. */
function answersIn(store: Store): AnswerStore {
  const beside = memoryStore();
  return {
    async read(path) {
      const near = await beside.read(path);
      if (near) return near;
      const kept = await store.readAnswer(path).catch(() => null);
      return kept && { data: kept.data, etag: kept.etag, when: new Date(kept.at) };
    },
    async write(path, answer) {
      await beside.write(path, answer);
      const { data, etag, when } = answer;
      await store.writeAnswer(path, { data, etag, at: when.getTime() }).then(
        () => (offline.full = false),
        (error: { full?: boolean }) => (offline.full = offline.full || error.full === true),
      );
    },
    async clear() {
      await beside.clear();
      await store.clearAnswers();
    },
  };
}

/** Hands the whole store to the person, as an SQLite file. */
export async function exportStore(store: Store): Promise<void> {
  const address = URL.createObjectURL(new Blob([await store.dump()], { type: 'application/vnd.sqlite3' }));
  const link = Object.assign(document.createElement('a'), { href: address, download: `shiftbook-${new Date().toISOString().slice(0, 10)}.db` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
