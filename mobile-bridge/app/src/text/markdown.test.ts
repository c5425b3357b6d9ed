import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocksOf, spansOf } from './markdown.ts';

test('blocks are told apart', () => {
  const kinds = blocksOf('# A\n\none\ntwo\n\n- x\n  more\n  - y\n1. z\n\n> q\n\n```py\n# no heading\n```\n---\n').map((block) => block.kind);
  assert.deepEqual(kinds, ['heading', 'paragraph', 'list', 'quote', 'code', 'rule']);
});

test('a list keeps its depths, its ticks and what goes on in the next line', () => {
  const [list] = blocksOf('- [x] a\n  b\n  - c\n');
  assert.deepEqual(list, {
    kind: 'list', ordered: false,
    items: [{ depth: 0, done: true, spans: [{ kind: 'text', text: 'a b' }] }, { depth: 1, done: null, spans: [{ kind: 'text', text: 'c' }] }],
  });
});

test('a fence without an end takes the rest, and no tag in it is one', () => {
  assert.deepEqual(blocksOf('```\n<script>\n**x**'), [{ kind: 'code', language: '', text: '<script>\n**x**' }]);
});

test('spans: code, strong, emphasis, links', () => {
  assert.deepEqual(spansOf('`a *b*` **c** *d* [e](https://example.org/) https://example.org/x.'), [
    { kind: 'code', text: 'a *b*' }, { kind: 'text', text: ' ' }, { kind: 'strong', text: 'c' }, { kind: 'text', text: ' ' }, { kind: 'em', text: 'd' }, { kind: 'text', text: ' ' },
    { kind: 'link', text: 'e', href: 'https://example.org/' }, { kind: 'text', text: ' ' }, { kind: 'link', text: 'https://example.org/x', href: 'https://example.org/x' }, { kind: 'text', text: '.' },
  ]);
});

test('an unsafe link, an image and HTML stay the text that they are', () => {
  for (const text of ['[x](javascript:alert(1))', '[x](data:text/html,hi)', '<img src=x onerror=alert(1)>', '[x](//example.org)', '[x](vbscript:a)']) {
    assert.equal(spansOf(text).every((span) => span.kind !== 'link'), true, text);
    assert.equal(spansOf(text).map((span) => span.text).join(''), text);
  }
});

test('snake_case and 2*3*4 are no emphasis', () => {
  assert.deepEqual(spansOf('frozen_time_x 2*3*4'), [{ kind: 'text', text: 'frozen_time_x 2*3*4' }]);
});

test('hostile lengths take no time', () => {
  const began = performance.now();
  for (const text of ['*'.repeat(20_000), '`'.repeat(20_000), '['.repeat(20_000), '**a'.repeat(5000), '- '.repeat(20_000), 'https://' + 'a'.repeat(50_000), '_a'.repeat(10_000)]) blocksOf(text);
  assert.ok(performance.now() - began < 20_000);
});
