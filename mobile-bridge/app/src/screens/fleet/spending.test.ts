import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figures } from '../../api/fleet.ts';
import { axisEnd, daysAgo, everyDay, ranked } from './spending.ts';

const sum = (cost_usd: number): Figures => ({ runs: 1, tokens_in: 0, tokens_out: 0, tokens_cached: 0, seconds: 0, cost_usd, unpriced: 0 });

test('days without a run stand in their place', () => {
  const days = everyDay({ '2026-11-03': sum(2) }, '2026-11-01', '2026-11-04');
  assert.deepEqual(days.map((one) => [one.name.slice(8), one.cost]), [['01', 0], ['02', 0], ['03', 2], ['04', 0]]);
  assert.equal(everyDay({}, '1900-01-01', '2026-11-04').length, 400);
});

test('the most expensive come first, and nothing is left out of the sum', () => {
  const all = ranked({ a: sum(1), b: sum(5), c: sum(2), d: sum(0.5) }, 3, 'the rest');
  assert.deepEqual(all.map((one) => [one.name, one.cost]), [['b', 5], ['c', 2], ['the rest', 1.5]]);
});

test('an axis ends at a round number above the most', () => {
  assert.deepEqual([0, 0.03, 1, 1.2, 7, 40].map(axisEnd), [1, 0.05, 1, 2, 10, 50]);
});

test('seven days are today and six before', () => {
  assert.equal(daysAgo(7, new Date('2026-11-10T23:59:00Z')), '2026-11-04');
});
