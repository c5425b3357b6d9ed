import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from './messages.ts';

const op = { device: 'd~a', seq: 1, hlc: '001795972706397-00000-d~a', kind: 'append' as const, entity: 'chat/4f1c', field: 'turn', base: '', resolves: [] };

test('a turn and a title are read, whatever another device wrote', () => {
  assert.deepEqual(messageOf({ ...op, value: { role: 'user', text: 'Hello' } }), { chat: '4f1c', role: 'user', text: 'Hello', model: '', when: new Date(1_795_972_706_397) });
  assert.equal(messageOf({ ...op, field: 'title', value: 'The port' }).text, 'The port');
  assert.equal(messageOf({ ...op, value: [1] }).text, '1');
});
