import assert from 'node:assert/strict';
import { test } from 'node:test';
import { find, match } from './match.ts';

test('a pattern without names fits its own path only', () => {
  assert.deepEqual(match('/missions', '/missions'), {});
  assert.deepEqual(match('/missions', '/missions/'), {});
  assert.equal(match('/missions', '/missions/a'), null);
  assert.equal(match('/missions', '/'), null);
});

test('names are filled and decoded', () => {
  assert.deepEqual(match('/missions/:name', '/missions/fix%20it'), { name: 'fix it' });
});

test('a stray % is a name', () => {
  assert.deepEqual(match('/missions/:name', '/missions/50%'), { name: '50%' });
});

test('the star takes the rest', () => {
  assert.deepEqual(match('*', '/a/b'), { rest: 'a/b' });
});

test('the first route that fits wins', () => {
  const routes = [{ path: '/m/new' }, { path: '/m/:name' }, { path: '*' }];
  assert.equal(find(routes, '/m/new')?.route, routes[0]);
  assert.equal(find(routes, '/m/newer')?.route, routes[1]);
  assert.equal(find(routes, '/x')?.route, routes[2]);
});
