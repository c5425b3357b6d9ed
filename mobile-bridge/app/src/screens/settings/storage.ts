// What does this browser keep for us, and how is it taken out?
import type { Store } from '../../store/store.ts';

export interface StorageFacts {
  /** Bytes; null where the browser has no lasting storage here. */
  used: number | null;
  persisted: boolean;
}

export async function readStorage(): Promise<StorageFacts> {
  if (!navigator.storage?.estimate) return { used: null, persisted: false };
  const [{ usage = 0 }, persisted] = await Promise.all([navigator.storage.estimate(), navigator.storage.persisted()]);
  return { used: usage, persisted };
}

export async function askToKeep(): Promise<boolean> {
  return navigator.storage.persist();
}

/** Takes everything out: databases, files, caches, settings and the service worker. Then loads the page anew. */
export async function wipe(store: Store | null): Promise<void> {
  await store?.wipe().catch(() => undefined); // closes the database, which no other tab can take out
  localStorage.clear();
  sessionStorage.clear();
  const databases = (await indexedDB.databases?.()) ?? [];
  for (const { name } of databases) if (name) indexedDB.deleteDatabase(name);
  for (const name of (await globalThis.caches?.keys()) ?? []) await caches.delete(name);
  const root = await navigator.storage?.getDirectory?.();
  if (root) for await (const name of root.keys()) await root.removeEntry(name, { recursive: true }).catch(() => undefined); // held open by the database's tab
  for (const found of (await navigator.serviceWorker?.getRegistrations()) ?? []) await found.unregister();
  location.replace('/app/');
}
