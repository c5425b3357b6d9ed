import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeMethods } from '../store/methods.ts';
import { memoryDatabase } from '../store/memory-database.test.ts';
import type { Store } from '../store/store.ts';
import { exchange, type Ask } from './exchange.ts';
import { ORDER, type Operation, type Draft } from './operations.ts';
import { bringUp } from '../store/schema.ts';

/** The calls of a store over SQLite in memory, as the page has them. */
function memoryStore(): Store {
  const db = memoryDatabase();
  bringUp(db);
  const calls = storeMethods(db, () => 1_795_953_600_000, 'phone', (owner) => `${owner}~a`);
  return new Proxy(calls, { get: (made, name) => (...args: unknown[]) => Promise.resolve().then(() => Reflect.apply(Reflect.get(made, name) as () => unknown, made, args)) }) as unknown as Store;
}

/** A node that takes so many orders and bytes a push, and refuses more as a real one does. */
function node(orders: number, bytes: number, tells: boolean): { ask: Ask; took: Operation[]; pushes: number[] } {
  const took: Operation[] = [];
  const pushes: number[] = [];
  const json = (data: unknown, status = 200): Response => new Response(JSON.stringify(data), { status });
  const ask: Ask = async (method, path, body) => {
    const held = { 'phone~a': took.length };
    if (path.startsWith('/sync/handshake')) return json({ node: 'vps', held, time: 1_795_953_600_000, ...(tells ? { page: 1000, orders, bytes } : {}) });
    if (method === 'GET') return json({ ops: [], cursor: 'e.1', more: false });
    if (Buffer.byteLength(body ?? '') > bytes + 100) return json({ detail: 'too large' }, 413);
    const { ops } = JSON.parse(body ?? '') as { ops: Operation[] };
    if (ops.filter((op) => op.entity.startsWith(ORDER)).length > orders) return json({ detail: 'too many orders', sync: { kind: 'malformed' } }, 422);
    took.push(...ops);
    pushes.push(ops.length);
    return json({ accepted: ops.length, held: { 'phone~a': took.length } });
  };
  return { ask, took, pushes };
}

const { signal } = new AbortController();
const order = (at: number): Draft => ({ kind: 'append', entity: `${ORDER}i${at}`, field: 'intent', value: { action: 'pause' } });

test('what a phone gathered offline arrives, however many orders and bytes it is', async () => {
  for (const tells of [true, false]) {
    const store = memoryStore();
    await store.say(Array.from({ length: 45 }, (_, at) => order(at)), 'n1');
    await store.say(Array.from({ length: 8 }, (_, at): Draft => ({ kind: 'set', entity: `draft/d${at}`, field: 'text', value: 'ü'.repeat(400_000) })), 'n2');
    const { ask, took, pushes } = node(20, 3.5 * 1024 * 1024, tells);
    const made = await exchange(store, ask, 'phone', signal);
    assert.equal(made.sent, 53);
    assert.deepEqual(took.map((op) => op.seq), Array.from({ length: 53 }, (_, at) => at + 1));
    assert.deepEqual(pushes.slice(0, 2), [20, 20]);
    assert.equal((await store.standing()).pending, 0);
  }
});

const said = (text: string): Draft => ({ kind: 'append', entity: 'chat/c', field: 'turn', value: { role: 'user', text } });

test('what a node took, and a proxy said was not answered in time, keeps the stamps with which it went out', async () => {
  const store = memoryStore();
  await store.say([said('once')], 'n1');
  const { ask, took } = node(20, 1024 * 1024, true);
  const late: Ask = async (...asked) => {
    const answer = await ask(...asked);
    return asked[0] === 'POST' ? new Response('<h1>504 Gateway Time-out</h1>', { status: 504 }) : answer;
  };
  await assert.rejects(exchange(store, late, 'phone', signal), (error: Error) => error.name === 'Error' && error.message === '504');
  await store.correct(60_000); // a better clock, meanwhile
  await exchange(store, ask, 'phone', signal);
  assert.deepEqual(await store.of('chat/c'), took);
  assert.equal((await store.standing()).pending, 0);
});

test('what a proxy before the node finds too large goes in smaller parts; one that is too large by itself is told', async () => {
  const store = memoryStore();
  await store.say(Array.from({ length: 30 }, (_, at) => said(String(at).padStart(1000, '.'))), 'n1');
  const { ask, took, pushes } = node(20, 1024 * 1024, true);
  const through = (bytes: number): Ask => async (method, path, body, until) =>
    (body?.length ?? 0) > bytes ? new Response('<h1>413 Request Entity Too Large</h1>', { status: 413 }) : ask(method, path, body, until);
  await assert.rejects(exchange(store, through(500), 'phone', signal), { name: 'SyncRefused', status: 413 });
  assert.equal((await exchange(store, through(8_000), 'phone', signal)).sent, 30);
  assert.deepEqual(took.map((op) => op.seq), Array.from({ length: 30 }, (_, at) => at + 1));
  assert.ok(pushes.length < 12, String(pushes));
});

test('a device that is paired anew says nothing again that a node has under its old name', async () => {
  const store = memoryStore();
  await store.say([said('has arrived'), said('has not')], 'n1');
  const renamed: string[] = [];
  const ask: Ask = async (method, _, body) => {
    if (method === 'POST') {
      const { ops } = JSON.parse(body ?? '') as { ops: Operation[] };
      renamed.push(...ops.map(({ device, value }) => `${device.split('~')[0]} ${(value as { text: string }).text}`));
    }
    const held = method === 'POST' ? { 'tablet~a': renamed.length } : { 'phone~a': 1, 'tablet~a': renamed.length };
    return new Response(JSON.stringify({ node: 'vps', held, time: 1_795_953_600_000, accepted: 1, ops: [], cursor: 'e.1', more: false }));
  };
  await exchange(store, ask, 'tablet', signal);
  assert.deepEqual(renamed, ['tablet has not']);
  assert.equal((await store.standing()).device, 'tablet~a');
});

test('a refusal that does not end is told', async () => {
  const store = memoryStore();
  await store.say([said('x')], 'n1');
  const { ask } = node(20, 1024 * 1024, true);
  const gap: Ask = async (...asked) => (asked[0] === 'POST' ? new Response(JSON.stringify({ detail: 'operations are missing', sync: { kind: 'gap', time: 0 } }), { status: 409 }) : ask(...asked));
  await assert.rejects(exchange(store, gap, 'phone', signal), { name: 'SyncRefused', message: 'operations are missing' });
});
