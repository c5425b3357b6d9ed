import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noticeOf } from './notification.ts';

test('a payload names what is shown and opened', () => {
  const said = { title: 'Fix the auth bug', body: 'waits for you', tag: 'review/fix', open: '/review/fix' };
  assert.deepEqual(noticeOf(JSON.stringify(said)), said);
});

test('what cannot be read still rings', () => {
  for (const bad of ['', '{', '[]', 'null', '7', '{"title": 5}']) assert.equal(noticeOf(bad).body, 'Something waits for you.', bad);
});

test('it opens nothing but a screen of the page', () => {
  for (const bad of ['https://example.org', '//example.org', 'javascript:alert(1)', '/\\example.org', '/a\nb', '']) {
    assert.equal(noticeOf(JSON.stringify({ open: bad })).open, '/', bad);
  }
});
