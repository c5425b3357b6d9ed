import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, dollars, duration, gutter, moment, tokens, utc } from './amounts.ts';

test('durations are rounded as one says them', () => {
  assert.deepEqual([0.2, 9, 89, 91, 240, 3600 * 3, 86_400 * 2].map((each) => duration(each).replace('\u00a0', ' ')), ['under 1 s', '9 s', '89 s', '2 min', '4 min', '3 h', '2 days']);
});

test('costs have two decimals', () => {
  assert.equal(dollars(1.9), '$1.90');
  assert.equal(dollars(1234.5), '$1,234.50');
});

test('sizes and tokens are short', () => {
  assert.deepEqual([12, 1500, 20_400_000].map((each) => bytes(each).replace('\u00a0', ' ')), ['12 B', '1.5 kB', '20 MB']);
  assert.equal(tokens(61_000), '61k');
});

test('the gutter has the time today, else the day', () => {
  const now = new Date(2026, 10, 21, 15, 0);
  assert.equal(gutter(new Date(2026, 10, 21, 9, 5), now), '09:05');
  assert.match(gutter(new Date(2026, 10, 19, 9, 5), now), /19/);
});

test('a time of the node is read, what is none is null', () => {
  const when = moment('2026-11-29T16:58:22+00:00');
  assert.ok(when);
  assert.equal(utc(when), '2026-11-29 16:58:22 UTC');
  assert.deepEqual([moment(''), moment(null), moment('soon')], [null, null, null]);
});
