import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_COUNTER, later, offsetOf, parseStamp, stampText, tick } from './stamps.ts';

test('a stamp is the same text as the node writes, and comes back from it', () => {
  const stamp = { wall: 1_795_972_706_397, counter: 7, device: '@vps~c0ffee' };
  assert.equal(stampText(stamp), '001795972706397-00007-@vps~c0ffee');
  assert.deepEqual(parseStamp(stampText(stamp)), stamp);
});

test('an own stamp is later than all that was seen, whatever the clock says', () => {
  let last = '';
  for (const now of [1000, 1000, 999, 1001, 0, 5]) {
    const next = tick('a', now, last);
    assert.ok(next > last);
    last = next;
  }
  const full = stampText({ wall: 5, counter: MAX_COUNTER, device: 'z' });
  assert.equal(tick('a', 1, full), stampText({ wall: 6, counter: 0, device: 'a' }));
  assert.equal(later('', last), last);
});

test('the offset is from the middle of asking and hearing', () => {
  assert.equal(offsetOf(1000, 5100, 1200), 4000);
});
