import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setOutbox } from '../api/intents.ts';
import { setTransport, type Outgoing } from '../api/transport.ts';
import { forget, give, giveLeftBehind, PLACE, remember, type Undoable } from './undoable.ts';

const NOW = 1_795_953_600_000;
const one: Undoable = { intent: { action: 'approve', mission: 'fix', digest: 'd', expires: new Date(NOW + 3_600_000).toISOString(), body: { state: 'approved', digest: 'd' } }, key: 'k1', due: NOW };

let asked: Outgoing[] = [];
const answer = (status: number): void => setTransport(async (request) => (asked.push(request), new Response('{}', { status, headers: { 'Content-Type': 'application/json' } })));

function kept(): Pick<Storage, 'getItem' | 'setItem'> {
  const lines = new Map<string, string>();
  return { getItem: (name) => lines.get(name) ?? null, setItem: (name, value) => void lines.set(name, value) };
}

/** What becomes of it when the next page begins. */
const next = (lines: Pick<Storage, 'getItem' | 'setItem'>, now: number): Promise<string> =>
  new Promise((done) => {
    giveLeftBehind(({ key }, state) => done(`${key} ${state}`), (error) => done(String(error)), lines, () => now);
    setTimeout(() => done('nothing'), 50);
  });

beforeEach(() => {
  asked = [];
  setOutbox(null);
  answer(200);
});

test('what a page that is gone did not give is given by the next one, once, under its key', async () => {
  const lines = kept();
  remember(one, lines);
  remember(one, lines);
  assert.equal(await next(lines, NOW + 10_000), 'k1 done');
  assert.equal(await next(lines, NOW + 10_000), 'nothing');
  assert.deepEqual(asked.map(({ path, headers }) => [path, headers['Idempotency-Key']]), [['/api/v1/missions/fix/approval', 'k1']]);
});

test('what was called back, or has run out, is not given', async () => {
  const lines = kept();
  remember(one, lines);
  forget('k1', lines);
  assert.equal(await next(lines, NOW + 10_000), 'nothing');
  remember(one, lines);
  assert.equal(await next(lines, NOW + 7_200_000), 'nothing');
  assert.equal(lines.getItem(PLACE), '[]');
  assert.deepEqual(asked, []);
});

test('its time is waited for, in which another page may call it back', async () => {
  const lines = kept();
  remember(one, lines);
  assert.equal(await next(lines, NOW - 1000), 'nothing');
  assert.deepEqual(asked, []);
});

test('a page that goes while it is given leaves it to the next one; what came to an end was told', async () => {
  const lines = kept();
  remember(one, lines);
  setTransport(() => new Promise(() => undefined));
  void give(one, lines);
  assert.match(lines.getItem(PLACE) ?? '', /k1/);
  answer(409);
  await assert.rejects(give(one, lines), { name: 'Problem' });
  assert.equal(lines.getItem(PLACE), '[]');
});

test('odd words in its place are no order', async () => {
  for (const odd of ['{', '7', '[null, 3, {"key": 1}]']) {
    const lines = kept();
    lines.setItem(PLACE, odd);
    assert.equal(await next(lines, NOW), 'nothing');
  }
});
