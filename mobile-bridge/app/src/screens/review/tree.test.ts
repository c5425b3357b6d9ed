import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treeOf } from './tree.ts';

test('folders with one child are one line, files keep their place', () => {
  assert.deepEqual(treeOf(['src/auth/token.py', 'src/auth/deep/er/x.py', 'README.md']), [
    { name: 'src/auth', depth: 0, index: null },
    { name: 'deep/er', depth: 1, index: null },
    { name: 'x.py', depth: 2, index: 1 },
    { name: 'token.py', depth: 1, index: 0 },
    { name: 'README.md', depth: 0, index: 2 },
  ]);
});

test('names that objects have of their own are names', () => {
  assert.deepEqual(treeOf(['__proto__/constructor']).map((node) => node.name), ['__proto__', 'constructor']);
});
