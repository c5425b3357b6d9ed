import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventParser } from './parser.ts';

const TEXT = 'retry: 2000\n: listening\n\nid: 7\nevent: ledger\ndata: {}\n\ndata: a\ndata: b\r\n\r\nid: 9\nevent: output\r\ndata:x: y\n\n';
const WANTED = [
  { kind: 'ledger', data: '{}', id: '7' },
  { kind: 'message', data: 'a\nb', id: '7' },
  { kind: 'output', data: 'x: y', id: '9' },
];

test('however a stream is cut into pieces, the same events are in it', () => {
  for (let size = 1; size <= TEXT.length; size++) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < TEXT.length; at += size) found.push(...parser.push(TEXT.slice(at, at + size)));
    assert.deepEqual(found, WANTED, `in pieces of ${size}`);
    assert.equal(parser.lastId, '9');
  }
});

test('an event that is not whole is none', () => {
  assert.deepEqual(new EventParser().push('event: ledger\ndata: {}\n'), []);
});

test('an event without data is none', () => {
  assert.deepEqual(new EventParser().push('event: ledger\n\n'), []);
});

test('an id with a zero byte is not taken', () => {
  const parser = new EventParser();
  parser.push('id: a\0b\ndata: x\n\n');
  assert.equal(parser.lastId, '');
});
