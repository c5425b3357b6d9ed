import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partsOf } from './parts.ts';

test('a sentence is a body', () => {
  assert.deepEqual(partsOf('Do it.\n'), { matter: '', body: 'Do it.', result: '' });
});

test('front matter, body and result are told apart', () => {
  const text = '---\nproject: shop\n---\nDo it.\n\n<!-- shiftbook: nodes write below this line -->\n## Result\n\n### Attempt 1\n\nDone.\n';
  assert.deepEqual(partsOf(text), { matter: 'project: shop', body: 'Do it.', result: '### Attempt 1\n\nDone.' });
});

test('a rule in the text is no front matter', () => {
  assert.equal(partsOf('a\n---\nb\n---\n').matter, '');
  assert.equal(partsOf('---\nnever closed\n').body, '---\nnever closed');
});
