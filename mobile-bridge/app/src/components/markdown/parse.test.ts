import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_CHARS, inside, parse, plainLine, unescaped } from './parse.ts';

test('what is too long is not read as Markdown', () => {
  assert.equal(parse('x'.repeat(MAX_CHARS + 1)), null);
});

test('HTML is a token of its own, never something that is run', () => {
  const kinds = (parse('<img src=x onerror=alert(1)>\n\na <b>c</b>') ?? []).map((token) => token.type);
  assert.deepEqual(kinds, ['html', 'space', 'paragraph']);
});

test('a line has its parts inside', () => {
  const [line] = parse('a **b** `c`') ?? [];
  assert.deepEqual(line && inside(line).map((token) => token.type), ['text', 'strong', 'text', 'codespan']);
});

test('character references become characters once', () => {
  assert.equal(unescaped('&lt;b&gt; &amp;lt;'), '<b> &lt;');
});

test('a title is read without its marks', () => {
  assert.equal(plainLine('The **limit** is `1000 g` <b>now</b>'), 'The limit is 1000 g <b>now</b>');
});
