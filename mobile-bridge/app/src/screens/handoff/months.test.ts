import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContinuityMonth, ContinuityShare } from '../../api/documents.ts';
import { charted } from './months.ts';

const share = (key: string, count: number, of: number): ContinuityShare => ({
  key, name: `${key}, of all`, short: key, count, of, share: of ? count / of : null, low: of ? 0.1 : null, high: of ? 0.9 : null, share_words: '', interval_words: '10% to 90%',
});
const month = (name: string, ...measures: ContinuityShare[]): ContinuityMonth => ({ month: name, measures });

test('each measure has its months in their order', () => {
  const series = [month('2026-10', share('accepted', 1, 2), share('own', 0, 0)), month('2026-11', share('accepted', 3, 3), share('own', 0, 0))];
  const found = charted(series);
  assert.deepEqual(found.map((one) => [one.key, one.months.map((each) => each.share)]), [['accepted', [0.5, 1]]]);
  assert.equal(found[0]?.months[0]?.says, '1 of 2 (10% to 90%)');
});

test('a month without a case has no point and says so', () => {
  const found = charted([month('2026-10', share('accepted', 0, 0)), month('2026-11', share('accepted', 1, 1))]);
  assert.deepEqual(found[0]?.months.map((each) => [each.share, each.says]), [[null, 'no case'], [1, '1 of 1 (10% to 90%)']]);
});

test('no series is no chart', () => assert.deepEqual(charted([]), []));
