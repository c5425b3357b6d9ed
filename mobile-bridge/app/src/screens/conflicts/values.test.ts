import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownValue, whenSaid } from './values.ts';

test('a value is shown as it is', () => {
  assert.deepEqual([shownValue('a'), shownValue(true), shownValue(null)], ['a', 'true', null]);
});

test('a stamp tells when', () => {
  assert.equal(whenSaid('001795972706397-00000-phone~k3')?.getTime(), 1795972706397);
  assert.equal(whenSaid('nonsense'), null);
});
