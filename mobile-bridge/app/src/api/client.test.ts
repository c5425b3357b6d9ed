import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { memoryStore } from './answers.ts';
import { get, onRequest, pathOf, send, setAnswerStore } from './client.ts';
import { expiry, perform, setOutbox, type Intent } from './intents.ts';
import { Problem, Unreachable } from './problem.ts';
import { setTransport, type Outgoing } from './transport.ts';

let asked: Outgoing[] = [];
const answer = (status: number, body: unknown, headers: Record<string, string> = {}): void =>
  setTransport(async (request) => {
    asked.push(request);
    return new Response(status === 304 ? null : JSON.stringify(body), { status, headers: { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json', ...headers } });
  });
const off = (): void => setTransport(() => Promise.reject(new TypeError('Failed to fetch')));
const approval: Intent = { action: 'approve', mission: 'fix', digest: 'd', expires: expiry(), body: { state: 'approved', digest: 'd' } };

beforeEach(() => {
  asked = [];
  setAnswerStore(memoryStore());
  setOutbox(null);
});

test('a query leaves out what is not asked for', () => {
  assert.equal(pathOf('/m', { q: 'a b', state: '', archived: true, after: null, limit: 5 }), '/m?q=a+b&archived=1&limit=5');
  assert.equal(pathOf('/m', { archived: false }), '/m');
});

test('an answer that did not change is asked for by its ETag, and comes from what is kept', async () => {
  answer(200, { tip: 'a' }, { ETag: '"1"' });
  await get('/x');
  answer(304, null);
  const again = await get<{ tip: string }>('/x');
  assert.equal(asked[1]?.headers['If-None-Match'], '"1"');
  assert.deepEqual([again.data.tip, again.from], ['a', 'node']);
});

test('what was answered before the lasting store was there is kept by it, too; another store begins empty', async () => {
  answer(200, { tip: 'early' });
  await get('/first');
  const lasting = memoryStore();
  setAnswerStore(lasting, { heir: true });
  assert.deepEqual((await lasting.read('/first'))?.data, { tip: 'early' });
  off();
  assert.deepEqual([(await get<{ tip: string }>('/first')).data.tip, (await get('/first')).from], ['early', 'store']);
  setAnswerStore(memoryStore());
  await assert.rejects(get('/first'), Unreachable);
});

test('without a node the last answer is given, and said to be old', async () => {
  answer(200, { tip: 'a' });
  await get('/x');
  off();
  assert.equal((await get('/x')).from, 'store');
  await assert.rejects(get('/never'), Unreachable);
});

test('a question that fails after a newer one was answered does not say that nobody answers', async () => {
  const told: boolean[] = [];
  const end = onRequest((reached) => told.push(reached));
  let fail: (why: Error) => void = () => undefined;
  setTransport(() => new Promise((_, no) => (fail = no)));
  const old = get('/old');
  await new Promise((done) => setTimeout(done, 2));
  answer(200, {});
  await get('/new');
  fail(new TypeError('Failed to fetch'));
  await assert.rejects(old, Unreachable);
  off();
  await assert.rejects(get('/newer'), Unreachable);
  assert.deepEqual(told, [true, false]);
  end();
});

test('a refusal is a Problem with its detail, and never the kept answer', async () => {
  answer(200, {});
  await get('/x');
  answer(403, { title: 'Forbidden', detail: 'this takes a token with the scope look' });
  await assert.rejects(get('/x'), (error: Problem) => error.status === 403 && error.detail.includes('look'));
});

test('an error page of a proxy is a Problem too', async () => {
  setTransport(async () => new Response('<h1>Bad Gateway</h1>', { status: 500, headers: { 'Content-Type': 'text/html' } }));
  await assert.rejects(send('PUT', '/x'), (error: Problem) => error.status === 500 && error.detail === '');
});

test('what is called off is no lost node', async () => {
  setTransport(({ signal }) => new Promise((_, fail) => signal?.addEventListener('abort', () => fail(new DOMException('', 'AbortError')))));
  const stop = new AbortController();
  const asking = get('/x', {}, stop.signal);
  await Promise.resolve();
  queueMicrotask(() => stop.abort());
  await assert.rejects(asking, (error: Error) => !(error instanceof Unreachable));
});

test('an order without a node is kept by the outbox, and fails where there is none', async () => {
  off();
  await assert.rejects(perform(approval), Unreachable);
  const kept: Intent[] = [];
  setOutbox(async (intent) => void kept.push(intent));
  assert.deepEqual(await perform(approval), { state: 'queued' });
  assert.deepEqual(kept, [approval]);
});

test('an order that is given again is the same order, by whichever way', async () => {
  const keys: string[] = [];
  setOutbox(async (_, key) => void keys.push(key));
  answer(200, {});
  await perform(approval, 'one');
  off();
  await perform(approval, 'one');
  assert.deepEqual([asked[0]?.headers['Idempotency-Key'], ...keys], ['one', 'one']);
});

test('an order that the node refuses is never kept for later', async () => {
  setOutbox(() => assert.fail('it was refused'));
  answer(409, { title: 'Conflict' });
  await assert.rejects(perform(approval), Problem);
});

test('each order goes to its own route with a key of its own', async () => {
  answer(200, {});
  await perform(approval);
  await perform({ ...approval, action: 'resume', mission: 'a b', body: {} });
  assert.deepEqual(asked.map((one) => [one.method, one.path]), [['PUT', '/api/v1/missions/fix/approval'], ['DELETE', '/api/v1/missions/a%20b/pause']]);
  assert.notEqual(asked[0]?.headers['Idempotency-Key'], asked[1]?.headers['Idempotency-Key']);
});

test('a proxy that says that the node does not answer is nobody who answers; a node that is busy is one', async () => {
  setTransport(() => Promise.resolve(new Response('<h1>502 Bad Gateway</h1>', { status: 502, headers: { 'Content-Type': 'text/html' } })));
  await assert.rejects(get('/x'), Unreachable);
  const queued: string[] = [];
  setOutbox(async (_, key) => void queued.push(key));
  assert.deepEqual(await perform(approval, 'k1'), { state: 'queued' });
  assert.deepEqual(queued, ['k1']);
  answer(503, { title: 'Busy', detail: 'later' });
  await assert.rejects(perform(approval), Problem);
});
