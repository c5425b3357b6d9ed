// What becomes of an order that is given without a node? It is an operation that ends by itself, sent with the next sync.
import type { Intent, Outbox } from '../api/intents.ts';
import type { Store } from '../store/store.ts';
import type { Draft, Value } from './operations.ts';

/** What a node carries out from offline; anything else needs a node now. */
const ACTIONS: ReadonlySet<Intent['action']> = new Set<Intent['action']>(['file', 'approve', 'reject', 'pause', 'resume', 'cancel']);

export function intentDraft(intent: Intent, key: string): Draft {
  const { action, mission, digest, expires, body } = intent;
  const name = key.replace(/[^A-Za-z0-9._:~-]/g, '').slice(0, 78);
  // The same names as over HTTP; numbers that are not whole travel as text, and what is undefined not at all.
  const plain = JSON.parse(JSON.stringify(body, (_, each: unknown) => (typeof each === 'number' && !Number.isSafeInteger(each) ? String(each) : each))) as Value;
  const value = { action, mission: action === 'file' ? String(body['name'] ?? mission) : mission, digest, expires: Date.parse(expires), body: plain };
  return { kind: 'append', entity: `intent/${name}`, field: 'intent', value };
}

/** The outbox over a store; `moved` is told that there is something to send. */
export function outboxOf(store: Store, moved: () => void): Outbox {
  return async (intent, key) => {
    if (!ACTIONS.has(intent.action)) throw new Error('this takes a node that answers');
    await store.say([intentDraft(intent, key)], `intent ${key}`);
    moved();
  };
}
