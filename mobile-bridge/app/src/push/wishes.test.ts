import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyBytes, keyText, quietParts, quietText } from './wishes.ts';

test('hours are two times that differ, or none', () => {
  assert.equal(quietText('22:00', '07:30'), '22:00-07:30');
  for (const [from, to] of [['', '07:00'], ['22:00', ''], ['24:00', '07:00'], ['7:00', '08:00'], ['07:00', '07:00']] as const) assert.equal(quietText(from, to), '');
  assert.deepEqual(quietParts('22:00-07:30'), ['22:00', '07:30']);
  assert.deepEqual(quietParts('7:00 - 8:00'), ['07:00', '08:00']);
  for (const bad of ['', '-', 'always', '25:00-07:00']) assert.deepEqual(quietParts(bad), ['', '']);
});

test('a key goes there and back without padding', () => {
  const key = 'BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8';
  assert.equal(keyBytes(key).length, 65);
  assert.equal(keyText(keyBytes(key).buffer), key);
  assert.equal(keyText(null), '');
});
