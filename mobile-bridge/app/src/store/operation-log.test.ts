import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MergedOperations } from '../sync/merge.ts';
import { decode, encode, LEAST_LIMITS, TooLarge, type Value, type Draft, type PushLimits } from '../sync/operations.ts';
import { AnswerTable } from './answer-table.ts';
import type { Db } from './db.ts';
import { memoryDatabase } from './memory-database.test.ts';
import { OperationLog } from './operation-log.ts';
import { bringUp } from './schema.ts';
import { searchTurns } from './search.ts';

const DAY = 86_400_000;
const NOW = 1_795_953_600_000;

function store(device = 'phone~a'): { db: Db; log: OperationLog } {
  const db = memoryDatabase();
  bringUp(db);
  bringUp(db); // again changes nothing
  const log: OperationLog = new OperationLog(db, () => log.fact('device') ?? device);
  return { db, log };
}

const turn = (text: string): Draft => ({ kind: 'append', entity: 'chat/c', field: 'turn', value: { role: 'user', text } });
const title = (value: string): Draft => ({ kind: 'set', entity: 'chat/c', field: 'title', value });

test('what is said has numbers, rising stamps and the base that was seen', () => {
  const { log } = store();
  const [first, second] = log.say([title('a'), title('b')], 'n1', NOW);
  assert.deepEqual([first?.seq, first?.base, second?.seq, second?.base], [1, '', 2, 'phone~a/1']);
  assert.ok(second && first && second.hlc > first.hlc);
});

test('a call that is repeated says nothing twice', () => {
  const { log } = store();
  assert.deepEqual(log.say([turn('x')], 'n1', NOW), log.say([turn('x')], 'n1', NOW + 5));
  assert.equal(log.standing().total, 1);
});

test('what was never sent is stamped anew by the corrected clock, what was sent never', () => {
  const { log } = store();
  log.say([turn('sent')], 'n1', NOW + DAY);
  const [sent] = log.outgoing(0, LEAST_LIMITS).ops; // its answer is lost
  log.say([turn('unsent'), turn('too')], 'n2', NOW + DAY);
  log.correct(-DAY, NOW + DAY);
  const now = log.of('chat/c');
  assert.equal(encode(now[0]!), sent);
  assert.deepEqual(now.map((op) => op.seq), [1, 2, 3]); // after the one that was sent, in order
  const other = store().log;
  other.say([turn('unsent')], 'n1', NOW + DAY);
  other.correct(-DAY, NOW + DAY);
  assert.equal(other.of('chat/c')[0]?.hlc, `${String(NOW).padStart(15, '0')}-00000-phone~a`);
});

test('what a node refused whole may be stamped anew, if it went out for the first time', () => {
  const { log } = store();
  log.say([turn('one')], 'n1', NOW + DAY);
  log.outgoing(0, LEAST_LIMITS);
  log.say([turn('two')], 'n2', NOW + DAY);
  const page = log.outgoing(0, LEAST_LIMITS);
  assert.deepEqual(page.first, [2]);
  log.refused(page.first);
  assert.equal(log.standing().unsent, 1);
});

test('a push is no more than the node takes of each, and one operation at least', () => {
  const { log } = store();
  const order = (at: number): Draft => ({ kind: 'append', entity: `intent/${at}`, field: 'intent', value: { action: 'pause' } });
  log.say([turn('first'), ...Array.from({ length: 5 }, (_, at) => order(at)), turn('ü'.repeat(1000)), turn('last')], 'n1', NOW);
  const sizes = log.of('chat/c').map((op) => Buffer.byteLength(encode(op)));
  const seqs = (held: number, more: Partial<PushLimits>): number[] => log.outgoing(held, { ...LEAST_LIMITS, ...more }).ops.map((op) => decode(op).seq);
  assert.deepEqual(seqs(0, {}), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(seqs(0, { ops: 2 }), [1, 2]);
  assert.deepEqual(seqs(0, { orders: 2 }), [1, 2, 3]);
  assert.deepEqual(seqs(3, { orders: 2 }), [4, 5]);
  assert.deepEqual(seqs(6, { bytes: sizes[1]! + sizes[2]! + 1 }), [7], 'bytes of its text, not characters, and commas');
  assert.deepEqual(seqs(6, { bytes: sizes[1]! + sizes[2]! + 2 }), [7, 8]);
  assert.deepEqual(seqs(6, { bytes: 1 }), [7], 'what is larger than all goes alone: the node says what is wrong with it');
});

test('what did not go out was not sent', () => {
  const { log } = store();
  log.say([turn('a'), turn('b')], 'n1', NOW);
  assert.deepEqual(log.outgoing(0, { ...LEAST_LIMITS, ops: 1 }).first, [1]);
  assert.equal(log.standing().unsent, 1);
});

test('a page is taken once, and the cursor with it', () => {
  const { log } = store();
  const other = store('desk~b').log;
  const texts = other.say([turn('hello'), title('t')], 'n1', NOW).map(encode);
  assert.equal(log.take('vps', texts, 'e.2'), 2);
  assert.equal(log.take('vps', texts, 'e.2'), 0);
  assert.equal(log.cursor('vps'), 'e.2');
  const [mine] = log.say([title('mine')], 'n1', NOW - DAY);
  assert.equal(mine?.base, 'desk~b/2');
  assert.ok(mine && mine.hlc > decode(texts[1]!).hlc); // what follows is later, also on a slow clock
});

test('what two set at once is found', () => {
  const { log } = store();
  log.say([title('mine')], 'n1', NOW);
  log.take('vps', store('desk~b').log.say([title('theirs')], 'n1', NOW).map(encode), 'e.1');
  const [one] = MergedOperations.of(log.disputed()).conflicts();
  assert.deepEqual(one?.members.map((op) => op.value), ['theirs', 'mine']);
});

test('a store that was copied goes on under another name and loses nothing', () => {
  const { log } = store();
  log.say([turn('held'), turn('not held')], 'n1', NOW);
  log.outgoing(0, LEAST_LIMITS);
  log.rename('phone~b', 'phone~a', 1, NOW);
  const ops = log.of('chat/c');
  assert.deepEqual(ops.map((op) => [op.device, op.seq]), [['phone~a', 1], ['phone~b', 1]]);
  assert.equal(log.standing().unsent, 1);
});

test('words are found at their beginnings, in any script, and nothing that is typed is an order to the search', () => {
  const { db, log } = store();
  log.say([turn('The port of the shop'), turn('Überall Häfen'), turn('порт')], 'n1', NOW);
  const found = (words: string): unknown[] => searchTurns(db, words).map((op) => op.seq);
  assert.deepEqual(found('port sho'), [1]);
  assert.deepEqual(found('haf'), [2]);
  assert.deepEqual(found('порт'), [3]);
  for (const odd of ['"', 'a"b*', 'NEAR(', 'text:', ') OR (', '-', '']) assert.ok(Array.isArray(found(odd)));
});

test('a hundred thousand messages are searched', () => {
  const { db, log } = store();
  const drafts = Array.from({ length: 100_000 }, (_, at) => turn(`message ${at} about ${at % 997 === 0 ? 'harbours' : 'settings'}`));
  log.say(drafts, 'n1', NOW);
  assert.equal(searchTurns(db, 'harb').length, 50);
  assert.equal(searchTurns(db, 'message 99999').length, 1);
});

test('a list is read page by page, from its end', () => {
  const { log } = store();
  log.say(Array.from({ length: 7 }, (_, at) => turn(String(at))), 'n1', NOW);
  log.say([title('between'), { ...turn('elsewhere'), entity: 'chat/d' }], 'n2', NOW);
  const texts = (ops: ReturnType<OperationLog['page']>): unknown[] => ops.map(({ value }) => (value as { text: string }).text);
  const last = log.page('chat/c', 'turn', '', 3);
  assert.deepEqual(texts(last), ['4', '5', '6']);
  assert.deepEqual(texts(log.page('chat/c', 'turn', last[0]!.hlc, 5)), ['0', '1', '2', '3']);
});

test('the newest answers are kept', () => {
  const { db } = store();
  const answers = new AnswerTable(db);
  for (let at = 0; at < 410; at++) answers.write(`/${at}`, { data: { at }, etag: null, at });
  assert.equal(answers.read('/0'), null);
  assert.deepEqual(answers.read('/409'), { data: { at: 409 }, etag: null, at: 409 });
  answers.write('/409', { data: 'x'.repeat(3_000_000), etag: null, at: 500 });
  assert.equal(answers.read('/409'), null);
});

test('what no node would take is not said: it would hold up all that follows', () => {
  const { log } = store();
  const deep = (levels: number): Value => (levels ? [deep(levels - 1)] : 'x');
  for (const value of ['ü'.repeat(600_000), Array.from({ length: 10_001 }, () => 'x'), deep(9)]) {
    assert.throws(() => log.say([turn('before'), { kind: 'set', entity: 'draft/d', field: 'text', value }], 'n1', NOW), TooLarge);
  }
  for (const value of ['ü'.repeat(500_000), Array.from({ length: 10_000 }, () => 'x'), deep(8)]) {
    log.say([{ kind: 'set', entity: 'draft/d', field: 'text', value }], String(JSON.stringify(value).length), NOW);
  }
  assert.equal(log.standing().total, 3, 'nothing of what was refused is kept');
});
