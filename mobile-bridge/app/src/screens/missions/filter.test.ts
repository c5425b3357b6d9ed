import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mission } from '../../api/types.ts';
import { columnOf, filterOf, isFiltered, viewOf } from './filter.ts';

const query = (text: string): URLSearchParams => new URLSearchParams(text);
const mission = (status: string): Mission => ({ status }) as Mission;

test('an empty address asks for what is open', () => {
  assert.deepEqual(filterOf(query('')), { state: '', q: '', archived: false });
  assert.equal(isFiltered(query('over=1&view=board')), false);
});

test('what is over is asked for where it is wanted', () => {
  assert.equal(filterOf(query('over=1')).archived, true);
  assert.equal(filterOf(query('state=done')).archived, true);
  assert.equal(filterOf(query('view=board')).archived, true);
  assert.equal(filterOf(query('state=review')).archived, false);
});

test('a project is passed on, and none is asked for where none is named', () => {
  assert.equal(filterOf(query('project=shop')).project, 'shop');
  assert.equal('project' in filterOf(query('q=a')), false);
});

test('an unknown view is the list', () => {
  assert.equal(viewOf(query('view=cards')), 'list');
});

test('every state has its column', () => {
  assert.deepEqual(['review', 'quarantined', 'dead', 'running', 'queued', 'failed', 'done', 'cancelled', 'anything'].map((each) => columnOf(mission(each))), [
    'waiting', 'waiting', 'waiting', 'running', 'queued', 'queued', 'over', 'over', 'queued',
  ]);
});
