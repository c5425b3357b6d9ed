import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, keyOf, type Draft, type Operation } from '../sync/operations.ts';
import { memoryDatabase } from './memory-database.test.ts';
import { OperationLog } from './operation-log.ts';
import { OrderTable } from './order-table.ts';
import { bringUp } from './schema.ts';

const NOW = 1_795_953_600_000;
const HOUR = 3_600_000;

function store(device: string): { log: OperationLog; orders: OrderTable } {
  const db = memoryDatabase();
  bringUp(db);
  return { log: new OperationLog(db, () => device), orders: new OrderTable(db, () => device) };
}

const order = (key: string, more: Record<string, string | number> = {}): Draft =>
  ({ kind: 'append', entity: `intent/${key}`, field: 'intent', value: { action: 'approve', mission: 'fix', expires: NOW + HOUR, ...more } });

/** What a node says became of an order, as a pull brings it. */
let seq = 0;
function tell(log: OperationLog, given: Operation, state: string, says = '', node = '@vps~1'): void {
  const value = { intent: keyOf(given), state, says, mission: 'fix' };
  seq += 1;
  const op = { device: node, seq, hlc: `${String(NOW + 1000 * seq).padStart(15, '0')}-00000-${node}`, kind: 'append' as const, entity: given.entity, field: 'outcome', value, base: '', resolves: [] };
  log.take(node, [encode(op)], `e.${seq}`);
}

test('an order waits until a node has said what became of it', () => {
  const { log, orders } = store('phone~a');
  const [given] = log.say([order('k')], 'n1', NOW);
  assert.deepEqual(orders.all(NOW), [{ entity: 'intent/k', action: 'approve', mission: 'fix', at: NOW, state: 'waiting', says: '', words: '' }]);
  tell(log, given!, 'done');
  assert.deepEqual(orders.all(NOW), []);
});

test('one that was not done stands there with its reason until a person has seen it', () => {
  const { log, orders } = store('phone~a');
  const [one, two, three] = log.say([order('a'), order('b'), order('c', { expires: NOW - 1 })], 'n1', NOW);
  assert.ok(one && two && three);
  tell(log, one, 'refused', 'it is another result by now');
  tell(log, two, 'failed', 'the ledger cannot be reached');
  assert.deepEqual(orders.all(NOW).map(({ entity, state, says }) => [entity, state, says]), [
    ['intent/a', 'refused', 'it is another result by now'], ['intent/b', 'failed', 'the ledger cannot be reached'], ['intent/c', 'over', ''],
  ]);
  orders.see('intent/a');
  orders.see('intent/a');
  assert.deepEqual(orders.all(NOW).map((each) => each.entity), ['intent/b', 'intent/c']);
});

test('what one node refused and another one did is done, and what others ordered is no matter here', () => {
  const { log, orders } = store('phone~b');
  const [given] = log.say([order('a')], 'n1', NOW);
  tell(log, given!, 'refused', 'no such mission');
  tell(log, given!, 'done', '', '@desk~1');
  const [theirs] = store('laptop~a').log.say([order('z')], 'n1', NOW);
  log.take('vps', [encode(theirs!)], 'e.9');
  assert.deepEqual(orders.all(NOW), []);
});

test('an order of a store that this device had before is its own, and one of long ago is over', () => {
  const { log, orders } = store('phone~b');
  const [mine] = store('phone~a').log.say([order('a', { mission: '', body: '' })], 'n1', NOW);
  log.take('vps', [encode(mine!)], 'e.1');
  assert.equal(orders.all(NOW).length, 1);
  assert.equal(orders.all(NOW + 31 * 24 * HOUR).length, 0);
});

test('whatever stands in an order or an outcome, it is read', () => {
  const { log, orders } = store('phone~a');
  for (const [at, value] of [null, 7, 'x', [], {}, { action: 1, body: { text: 5 }, expires: 'x' }].entries()) {
    const [given] = log.say([{ kind: 'append', entity: `intent/o${at}`, field: 'intent', value }], `n${at}`, NOW);
    const op = { device: '@vps~1', seq: at + 1, hlc: `${String(NOW + at).padStart(15, '0')}-00000-@vps~1`, kind: 'append' as const, entity: given!.entity, field: 'outcome', value, base: '', resolves: [] };
    log.take('vps', [encode(op)], `e.${at}`);
  }
  assert.equal(orders.all(NOW).length, 6);
});

test('a mission that is to be filed is told by the beginning of its text, and what was written with an order is kept whole', () => {
  const { log, orders } = store('phone~a');
  const text = `---\npriority: 3\n---\n\n${'Bring it up to date. '.repeat(9)}`;
  const value = { action: 'file', mission: '', expires: NOW + HOUR, body: { text } };
  log.say([{ kind: 'append', entity: 'intent/f', field: 'intent', value }], 'n1', NOW);
  const [one] = orders.all(NOW);
  assert.equal(one?.mission, 'Bring it up to date. Bring it up to date. Bring it up to date. Bring it up to da');
  assert.equal(one?.words, text);
});
