// What does a person order from here? An intent: done at once where a node answers, else handed to the outbox if there is one.
import { send } from './client.ts';
import { Unreachable } from './problem.ts';

/** An order with an end, bound to what was looked at when it was given. */
export interface Intent {
  action: 'file' | 'approve' | 'reject' | 'pause' | 'resume' | 'cancel' | 'budget' | 'message';
  mission: string;
  digest: string; // of what was looked at; '' where nothing was
  expires: string; // UTC ISO
  body: Record<string, unknown>;
}

export type Outcome<T> = { state: 'done'; data: T } | { state: 'queued' };
/** Promises that the intent is kept and sent once. Rejects where it cannot be kept (a full browser). */
export type Outbox = (intent: Intent, key: string) => Promise<void>;

let outbox: Outbox | null = null;

/** The offline store sets itself here; null: without a node an order fails, and the person is told. */
export function setOutbox(box: Outbox | null): void {
  outbox = box;
}

const HOURS = 24;

export function expiry(hours: number = HOURS, now: Date = new Date()): string {
  return new Date(now.getTime() + hours * 3_600_000).toISOString();
}

function route(intent: Intent): ['POST' | 'PUT' | 'DELETE', string] {
  const place = `/api/v1/missions/${encodeURIComponent(intent.mission)}`;
  switch (intent.action) {
    case 'file': return ['POST', '/api/v1/missions'];
    case 'approve': case 'reject': return ['PUT', `${place}/approval`];
    case 'pause': return ['PUT', `${place}/pause`];
    case 'resume': return ['DELETE', `${place}/pause`];
    case 'cancel': return ['PUT', `${place}/cancellation`];
    case 'budget': return ['PUT', `${place}/budget`];
    case 'message': return ['POST', `${place}/messages`];
  }
}

export const newKey = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

/** Carries an intent out; the same `key` again is the same order. Throws Problem where the node refuses, Unreachable where nobody answers and no outbox is there. */
export async function perform<T>(intent: Intent, key: string = newKey()): Promise<Outcome<T>> {
  const [method, path] = route(intent);
  const body = Object.keys(intent.body).length ? intent.body : null;
  try {
    return { state: 'done', data: await send<T>(method, path, body, { key }) };
  } catch (error) {
    if (!(error instanceof Unreachable) || !outbox) throw error;
    await outbox(intent, key);
    return { state: 'queued' };
  }
}
