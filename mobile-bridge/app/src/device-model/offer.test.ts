import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MODEL_ROOF, missingPieces, readOffer } from './offer.ts';

const hash = (digit: string): string => digit.repeat(64);
const good = { name: 'small-135m', good_for: 'toy', says: 'a toy', size: 10, digest: hash('a'), piece: 4, pieces: ['1', '2', '3'].map(hash) };

test('what a node offers is read, or refused whole', () => {
  assert.deepEqual(readOffer(good), good);
  for (const wrong of [null, [], 'x', { ...good, size: 9e15 }, { ...good, size: MODEL_ROOF + 1 }, { ...good, piece: 0 }, { ...good, digest: '../x' }, { ...good, pieces: [hash('1')] }, { ...good, pieces: [1, 2, 3] }, { ...good, size: 1.5 }]) assert.equal(readOffer(wrong), null);
  assert.equal(readOffer({ ...good, name: 7, says: 'x'.repeat(999) })?.says.length, 300);
});

test('only what is missing is fetched, and a half piece again', () => {
  const offer = readOffer(good);
  assert.ok(offer);
  assert.deepEqual(missingPieces(offer, 0).map(({ from, to }) => [from, to]), [[0, 4], [4, 8], [8, 10]]);
  assert.deepEqual(missingPieces(offer, 7).map(({ from, digest }) => [from, digest]), [[4, hash('2')], [8, hash('3')]]);
  assert.deepEqual([missingPieces(offer, 10), missingPieces(offer, 99)], [[], []]);
});
