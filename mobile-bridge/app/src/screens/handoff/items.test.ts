import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HandoffItem } from '../../api/documents.ts';
import { matching } from './items.ts';

const item = (text: string, section: string, heading = false): HandoffItem => ({ text, section, heading, standing: false, line: 1, cites: [] });
const items = [item('Rules', 'Rules', true), item('Say plainly what you do not know', 'Rules'), item('Next', 'Next', true), item('Mend the limit', 'Next')];

test('without words everything is there', () => assert.deepEqual(matching(items, ' '), items));
test('every word must be said, in any case; the heading above stays', () => {
  assert.deepEqual(matching(items, 'PLAINLY know').map((one) => one.text), ['Rules', 'Say plainly what you do not know']);
});
test('a heading alone is no match', () => assert.deepEqual(matching(items, 'next'), []));
