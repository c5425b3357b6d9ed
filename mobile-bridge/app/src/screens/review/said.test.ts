import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, write } from './said.ts';

function kept(): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> & { size(): number } {
  const lines = new Map<string, string>();
  return { getItem: (name) => lines.get(name) ?? null, setItem: (name, value) => void lines.set(name, value), removeItem: (name) => void lines.delete(name), size: () => lines.size };
}
const said = { comments: [{ path: 'a.txt', line: 3, removed: false, text: 'why?' }], whole: 'Too short.' };
const nothing = { comments: [], whole: '' };

test('what was written about a result is there again, and not at another result', () => {
  const lines = kept();
  write('fix', 'd1', said, lines);
  assert.deepEqual(read('fix', 'd1', lines), said);
  assert.deepEqual(read('fix', 'd2', lines), nothing);
  assert.deepEqual(read('other', 'd1', lines), nothing);
  write('fix', 'd1', nothing, lines);
  assert.equal(lines.size(), 0);
});

test('odd words are no comments', () => {
  const lines = kept();
  for (const odd of ['{', '7', '{"digest":"d1","comments":[null,{"path":1}],"whole":{}}']) {
    lines.setItem('shiftbook.review.fix', odd);
    assert.deepEqual(read('fix', 'd1', lines), nothing);
  }
});

test('in a full browser writing goes on', () => {
  write('fix', 'd1', said, { ...kept(), setItem: () => { throw new DOMException('', 'QuotaExceededError'); } });
});
