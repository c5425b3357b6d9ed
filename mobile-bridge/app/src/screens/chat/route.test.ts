import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routesOf } from './route.ts';

test('only what there is can be chosen', () => {
  assert.deepEqual(routesOf(false, []), ['auto']);
  assert.deepEqual(routesOf(true, ['https://hq.example']), ['auto', 'device']);
  assert.deepEqual(routesOf(false, ['http://192.168.1.5:8823', 'https://hq.example']), ['auto', 'lan', 'hq']);
  assert.deepEqual(routesOf(true, ['http://192.168.1.5:8823']), ['auto', 'device']);
});
