import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeUrls } from './paired-nodes.ts';

const many = (host: string, count: number): string[] => Array.from({ length: count }, (_, at) => `http://${host}.${at}:8823`);

test('what a node says of itself goes first, and what it was reached at stays', () => {
  assert.deepEqual(mergeUrls(['http://a', 'http://b'], ['http://c', 'http://b'], true), ['http://c', 'http://b', 'http://a']);
});

test('what another node passes on stands behind, and pushes nothing out', () => {
  const known = many('10.0.0', 10);
  assert.deepEqual(mergeUrls(known, many('6.6.6', 20), false).slice(0, 10), known);
  assert.equal(mergeUrls(known, many('6.6.6', 20), false).length, 12);
  assert.deepEqual(mergeUrls(['http://a'], many('6.6.6', 20), false), ['http://a', ...many('6.6.6', 4)]);
});

test('what is no address of a node is no address', () => {
  assert.deepEqual(mergeUrls([], ['javascript:alert(1)', 'http://a/path', 'ftp://a', 'http://a b', 'https://hq.example'], true), ['https://hq.example']);
});
