import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lostWith, PLACE, rememberStore } from './lost-store.ts';

function kept(): Pick<Storage, 'getItem' | 'setItem'> {
  const lines = new Map<string, string>();
  return { getItem: (name) => lines.get(name) ?? null, setItem: (name, value) => void lines.set(name, value) };
}

test('the first store lost nothing, and neither did the same one again', () => {
  const lines = kept();
  assert.equal(lostWith('a', lines), null);
  rememberStore('a', 3, lines);
  assert.equal(lostWith('a', lines), null);
});

test('another store says how much of the one before no node had', () => {
  const lines = kept();
  rememberStore('a', 3, lines);
  assert.equal(lostWith('b', lines), 3);
  rememberStore('b', 0, lines);
  assert.equal(lostWith('c', lines), 0);
});

test('odd words are no store', () => {
  const lines = kept();
  for (const odd of ['{', '7', 'null', '{"born":1}', '[]']) {
    lines.setItem(PLACE, odd);
    assert.equal(lostWith('b', lines), null, odd);
  }
  lines.setItem(PLACE, '{"born":"a","unsent":"many"}');
  assert.equal(lostWith('b', lines), 0);
});
