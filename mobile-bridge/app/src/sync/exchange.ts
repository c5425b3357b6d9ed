// How does this browser sync with a node? Handshake, push, pull, as docs/devices.md has it, whatever is lost on the way.
import type { Store } from '../store/store.ts';
import { MAX_OPERATIONS, ownerOf } from './operations.ts';
import { offsetOf } from './stamps.ts';

/** A request to the node. Rejects where nobody answers; any answer is an answer. */
export type Ask = (method: 'GET' | 'POST', path: string, body: string | null, signal: AbortSignal) => Promise<Response>;

export interface Exchanged {
  node: string;
  sent: number;
  taken: number;
}

/** The node does not take what this device says, and coming again will not help: a person must know. */
export class SyncRefused extends Error {
  readonly status: number;

  constructor(status: number, says: string) {
    super(says);
    this.name = 'SyncRefused';
    this.status = status;
  }
}

interface Handshake {
  node: string;
  held: Record<string, number>;
  time: number;
}

interface Page {
  ops: unknown[];
  cursor: string;
  more: boolean;
}

interface Refusal {
  detail?: string;
  sync?: { kind: string; held?: number; time: number };
}

const MAX_TURNS = 5; // times that a refusal is mended in one exchange

/** Sends what the node lacks and takes what this browser lacks. Rejects with SyncRefused, or with what `ask` rejects with. */
export async function exchange(store: Store, ask: Ask, signal: AbortSignal, now: () => number = Date.now): Promise<Exchanged> {
  let { device } = await store.standing();
  const greet = async (): Promise<Handshake> => {
    const asked = now();
    const told = await read<Handshake>(await ask('GET', `/sync/handshake?device=${encodeURIComponent(device)}`, null, signal));
    await store.correct(offsetOf(asked, told.time, now()));
    return told;
  };
  let { node, held } = await greet();
  let at = held[device] ?? 0;
  let sent = 0;
  for (let turn = 0; turn < MAX_TURNS; ) {
    const page = await store.outgoing(at, MAX_OPERATIONS);
    if (!page.ops.length) break;
    const answer = await ask('POST', '/sync/push', `{"ops":[${page.ops.join(',')}]}`, signal);
    if (answer.ok) {
      const told = (await answer.json()) as { accepted: number; held: Record<string, number> };
      at = Math.max(at + page.ops.length, told.held[device] ?? 0);
      sent += told.accepted;
      continue;
    }
    turn += 1;
    const problem = (await answer.json().catch(() => ({}))) as Refusal;
    await store.refused(page.first); // nothing of a refused push was taken
    if (problem.sync?.kind === 'forked') device = await store.rename(ownerOf(device), device, problem.sync.held ?? at);
    else if (!['ahead', 'gap', 'order'].includes(problem.sync?.kind ?? '')) throw new SyncRefused(answer.status, problem.detail ?? String(answer.status));
    ({ node, held } = await greet());
    at = held[device] ?? 0;
  }
  await store.held(at);
  return { node, sent, taken: await pull(store, node, ask, signal) };
}

async function pull(store: Store, node: string, ask: Ask, signal: AbortSignal): Promise<number> {
  let taken = 0;
  for (let more = true; more; ) {
    const after = encodeURIComponent(await store.cursor(node));
    const page = await read<Page>(await ask('GET', `/sync/pull?limit=${MAX_OPERATIONS}&after=${after}`, null, signal));
    taken += await store.take(node, page.ops.map((op) => JSON.stringify(op)), page.cursor);
    more = page.more;
  }
  return taken;
}

async function read<T>(answer: Response): Promise<T> {
  if (answer.ok) return (await answer.json()) as T;
  const problem = (await answer.json().catch(() => ({}))) as Refusal;
  throw new SyncRefused(answer.status, problem.detail ?? String(answer.status));
}
