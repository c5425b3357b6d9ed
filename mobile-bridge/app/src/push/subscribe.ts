// How is this browser rung? It subscribes at its push service with the node's key, and tells the node where it listens.
import { get, send } from '../api/client.ts';
import { keyBytes, keyText, type PushState, type PushWishes } from './wishes.ts';

interface NodeState extends PushWishes {
  subscribed: boolean;
  endpoint: string;
  current: boolean;
}

interface NodeKey {
  key: string;
  kinds: string[];
}

export interface PushFacts {
  state: PushState;
  kinds: string[];
  wishes: PushWishes;
}

const MINE = '/api/v1/push/subscriptions';
/** A push service that cannot be reached never answers, and the browser waits for it without end. */
const SERVICE_MS = 15_000;

export class PushUnavailable extends Error {}

const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** How it stands here and at the node. Throws Problem or Unreachable. */
export async function readPush(signal: AbortSignal): Promise<PushFacts> {
  const nothing: PushWishes = { kinds: [], quiet: '', timezone: zone() };
  if (!window.isSecureContext) return { state: 'insecure', kinds: [], wishes: nothing };
  if (!('PushManager' in window) || !('serviceWorker' in navigator)) return { state: 'unsupported', kinds: [], wishes: nothing };
  const [{ data: key }, { data: mine }, here] = await Promise.all([get<NodeKey>('/api/v1/push/key', {}, signal), get<NodeState>(MINE, {}, signal), subscription()]);
  const wishes = { kinds: mine.kinds, quiet: mine.quiet, timezone: mine.subscribed ? mine.timezone : zone() };
  return { state: stateOf(mine, here), kinds: key.kinds, wishes };
}

function stateOf(mine: NodeState, here: PushSubscription | null): PushState {
  if (Notification.permission === 'denied') return 'denied';
  if (!mine.subscribed) return 'off';
  return mine.current && here?.endpoint === mine.endpoint ? 'on' : 'renew';
}

async function subscription(): Promise<PushSubscription | null> {
  const found = await navigator.serviceWorker.getRegistration('/app/');
  return (await found?.pushManager.getSubscription()) ?? null;
}

/** Has this device rung. Throws PushUnavailable, Problem or Unreachable. Only from a tap: the browser asks the person. */
export async function turnOn(wishes: PushWishes): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') throw new PushUnavailable('denied');
  const { data } = await get<NodeKey>('/api/v1/push/key');
  const made = await subscribeWith(data.key);
  const said = made.toJSON();
  await send('PUT', MINE, { endpoint: said.endpoint, keys: said.keys, key: data.key, ...wishes });
}

async function subscribeWith(key: string): Promise<PushSubscription> {
  const { pushManager } = await within(navigator.serviceWorker.ready);
  const before = await pushManager.getSubscription();
  if (before && keyText(before.options.applicationServerKey) === key) return before;
  await before?.unsubscribe(); // a browser takes no second key beside the first
  return within(pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: keyBytes(key) }));
}

async function within<T>(promise: Promise<T>): Promise<T> {
  let timer = 0;
  const late = new Promise<never>((_, reject) => (timer = window.setTimeout(() => reject(new PushUnavailable('no answer')), SERVICE_MS)));
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    throw error instanceof PushUnavailable ? error : new PushUnavailable(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** Has this device rung no more: the node forgets it first, so that it is quiet even where the browser does not answer. */
export async function turnOff(): Promise<void> {
  await send('DELETE', MINE);
  await (await subscription())?.unsubscribe().catch(() => false);
}
