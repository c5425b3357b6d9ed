// How does this browser sync with a node? Handshake, push, pull, as docs/devices.md has it, whatever is lost on the way.
import type { Store } from '../store/store.ts';
import { LEAST_LIMITS, MAX_OPERATIONS, ownerOf, type PushLimits } from './operations.ts';
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
  page?: number;
  orders?: number; // a node of before does not say these two
  bytes?: number;
}

/** `roof`: the bytes that whoever stands before the node lets through. */
const limitsOf = ({ page, orders, bytes }: Handshake, roof: number): PushLimits => ({
  ops: Math.min(page ?? LEAST_LIMITS.ops, MAX_OPERATIONS),
  orders: orders ?? LEAST_LIMITS.orders,
  bytes: Math.min(bytes ?? LEAST_LIMITS.bytes, roof),
});

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
const MENDED = ['ahead', 'gap', 'order'];

/** Sends what the node lacks and takes what this browser lacks, as `owner`. Rejects with SyncRefused, or with what `ask` rejects with. */
export async function exchange(store: Store, ask: Ask, owner: string, signal: AbortSignal, now: () => number = Date.now): Promise<Exchanged> {
  const standing = await store.standing();
  let { device } = standing;
  const greet = async (): Promise<Handshake> => {
    const asked = now();
    const told = await read<Handshake>(await ask('GET', `/sync/handshake?device=${encodeURIComponent(device)}`, null, signal));
    await store.correct(offsetOf(asked, told.time, now()));
    return told;
  };
  let told = await greet();
  if (ownerOf(device) !== owner) {
    device = await store.rename(owner, device, Math.max(standing.held, told.held[device] ?? 0)); // paired anew: what a node has under the old name is not said again
    told = await greet();
  }
  let at = told.held[device] ?? 0;
  let roof = Infinity;
  let sent = 0;
  for (let turn = 0; ; ) {
    const page = await store.outgoing(at, limitsOf(told, roof));
    if (!page.ops.length) break;
    const body = `{"ops":[${page.ops.join(',')}]}`;
    const answer = await ask('POST', '/sync/push', body, signal);
    if (answer.ok) {
      const took = (await answer.json()) as { accepted: number; held: Record<string, number> };
      at = Math.max(at + page.ops.length, took.held[device] ?? 0);
      sent += took.accepted;
      continue;
    }
    const problem = await problemIn(answer);
    if (answer.status >= 500) throw failure(answer, problem); // it may have been taken all the same: what went out keeps its stamps
    await store.refused(page.first); // nothing of a refused push was taken
    const kind = problem.sync?.kind ?? '';
    if (answer.status === 413 && !kind && page.ops.length > 1) {
      roof = Math.floor(body.length / 2); // a proxy takes less than the node: in smaller parts
      continue;
    }
    turn += 1;
    if (turn === MAX_TURNS || ![...MENDED, 'forked'].includes(kind)) throw failure(answer, problem);
    if (kind === 'forked') device = await store.rename(owner, device, problem.sync?.held ?? at);
    told = await greet();
    at = told.held[device] ?? 0;
  }
  await store.held(at);
  return { node: told.node, sent, taken: await pull(store, told.node, ask, signal) };
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
  throw failure(answer, await problemIn(answer));
}

const problemIn = async (answer: Response): Promise<Refusal> => (await answer.json().catch(() => ({}))) as Refusal;

/** A node, or a proxy before it, that fails may not fail the next time. */
function failure({ status }: Response, { detail = String(status) }: Refusal): Error {
  return status >= 500 ? new Error(detail) : new SyncRefused(status, detail);
}
