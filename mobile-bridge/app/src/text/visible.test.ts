import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlain, safeLink, visible, withoutAnsi } from './visible.ts';

test('plain text stays one piece', () => {
  assert.equal(isPlain('def verify(token): # ä 漢\t"x"'), true);
  assert.deepEqual(visible('a <b> & c'), [{ text: 'a <b> & c' }]);
});

test('a character that reorders is a mark', () => {
  assert.equal(isPlain('a\u202eb'), false);
  assert.deepEqual(visible('a\u202eb'), [{ text: 'a' }, { mark: 'RLO', name: 'RLO (U+202E)' }, { text: 'b' }]);
});

test('every bidirectional control, zero-width and tag character is marked', () => {
  for (const code of [0x200b, 0x200e, 0x202a, 0x202d, 0x2066, 0x2069, 0x2060, 0xfeff, 0xad, 0x61c, 0xe0041, 0x0, 0x7f, 0x85, 0x9b]) {
    const piece = visible(String.fromCodePoint(code))[0];
    assert.ok(piece && 'mark' in piece, code.toString(16));
  }
});

test('letters that are blank and words in variation selectors are marked, an emoji is not', () => {
  for (const code of [0x34f, 0x115f, 0x1160, 0x2065, 0x2800, 0x3164, 0xfe00, 0xffa0, 0xe0100, 0xe01ef]) {
    assert.equal(isPlain(`a${String.fromCodePoint(code)}b`), false, code.toString(16));
  }
  const pieces = visible('a\ufe0f\ufe0e\ufe0fb');
  assert.deepEqual(pieces.map((piece) => 'mark' in piece), [false, true, false]);
  assert.equal(isPlain('I \u2764\ufe0f it'), true);
});

test('tab and line feed are text', () => {
  assert.equal(isPlain('a\tb\nc'), true);
});

test('escape sequences of terminals are taken out: colours, titles, links, moves', () => {
  assert.equal(withoutAnsi('\u001b[31mred\u001b[0m'), 'red');
  assert.equal(withoutAnsi('\u001b]0;title\u0007x'), 'x');
  assert.equal(withoutAnsi('\u001b]8;;javascript:alert(1)\u001b\\click\u001b]8;;\u001b\\'), 'click');
  assert.equal(withoutAnsi('a\u001b[2J\u001b[1;1Hb'), 'ab');
  assert.equal(withoutAnsi('\u001bc'), '');
});

test('an escape sequence without an end is visible or gone, and takes no other line with it', () => {
  assert.equal(withoutAnsi('\u001b]0;never ends\nnext'), '\nnext');
});

test('only web addresses and mail are links', () => {
  assert.equal(safeLink('https://example.org/a'), 'https://example.org/a');
  for (const bad of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' javascript:alert(1)', 'java\nscript:alert(1)', 'data:text/html,<script>', 'vbscript:x', 'file:///etc/passwd', 'blob:x', '//x', 'x', 'https://user@example.org']) {
    assert.equal(safeLink(bad), null, bad);
  }
});
