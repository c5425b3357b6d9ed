import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filingKeys } from './filing-key.ts';

const file = (name: string, content: string) => ({ name, content, size: content.length });

function storage() {
  const kept = new Map<string, string>();
  return { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
}

test('the same words and files are one mission, also when the page is loaded anew', () => {
  const kept = storage();
  const first = filingKeys(kept).of('Look.', 'look', [file('a.png', 'AAAA')]);
  assert.equal(filingKeys(kept).of('Look.', 'look', [file('a.png', 'AAAA')]), first);
  assert.match(first, /^[\x21-\x7e]{1,200}$/);
});

test('other words, another name and other files are another one', () => {
  const keys = filingKeys(storage());
  const made = [
    keys.of('Look.', '', []),
    keys.of('Look!', '', []),
    keys.of('Look.', 'look', []),
    keys.of('Look.', '', [file('a.png', 'AAAA')]),
    keys.of('Look.', '', [file('b.png', 'AAAA')]),
    keys.of('Look.', '', [file('a.png', 'AAAB')]),
  ];
  assert.equal(new Set(made).size, made.length);
});

test('what was filed may be filed again, and another browser has its own', () => {
  const kept = storage();
  const keys = filingKeys(kept);
  const first = keys.of('Look.', '', []);
  keys.renew();
  assert.notEqual(keys.of('Look.', '', []), first);
  assert.equal(filingKeys(kept).of('Look.', '', []), keys.of('Look.', '', []));
  assert.notEqual(filingKeys(storage()).of('Look.', '', []), keys.of('Look.', '', []));
});

test('a browser that keeps nothing has one as long as the page lives', () => {
  const full = { getItem: () => null, setItem: () => { throw new Error('full'); } };
  const keys = filingKeys(full);
  assert.equal(keys.of('Look.', '', []), keys.of('Look.', '', []));
});
