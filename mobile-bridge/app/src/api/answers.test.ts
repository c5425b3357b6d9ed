import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStore } from './answers.ts';

test('the newest answers are kept, the oldest go', () => {
  const store = memoryStore();
  for (let n = 0; n < 70; n++) void store.write(`/${n}`, { data: n, etag: null, when: new Date() });
  assert.equal(store.read('/0'), null);
  assert.equal((store.read('/69') as { data: number }).data, 69);
});
