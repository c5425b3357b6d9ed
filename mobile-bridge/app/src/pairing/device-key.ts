// Where is this device's key? In IndexedDB, as a CryptoKey that no script can take out; made at the first pairing.
import type { Bytes } from './wire.ts';

export interface DeviceKey {
  private: CryptoKey;
  public: Bytes;
}

const DATABASE = 'shiftbook-device';
const STORE = 'keys';
const NAME = 'device';
export const CURVE = { name: 'ECDH', namedCurve: 'P-256' } as const;

export async function newKey(): Promise<DeviceKey> {
  const pair = await crypto.subtle.generateKey(CURVE, false, ['deriveBits']);
  return { private: pair.privateKey, public: new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)) };
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((keep, fail) => {
    request.onsuccess = () => keep(request.result);
    request.onerror = () => fail(request.error ?? new Error('the browser keeps nothing'));
  });
}

async function withStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done(opening);
  try {
    return await done(work(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** The key; null where none was made. Rejects where the browser keeps nothing (a private window). */
export async function readKey(): Promise<DeviceKey | null> {
  return ((await withStore('readonly', (store) => store.get(NAME))) as DeviceKey | undefined) ?? null;
}

export async function keyOfDevice(): Promise<DeviceKey> {
  const there = await readKey();
  if (there) return there;
  const made = await newKey();
  await withStore('readwrite', (store) => store.put(made, NAME));
  return (await readKey()) ?? made; // where another tab was faster, its key
}

/** After a revocation: the next pairing makes a new one. */
export async function forgetKey(): Promise<void> {
  await withStore('readwrite', (store) => store.delete(NAME));
}
