import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FleetNode } from '../../api/fleet.ts';
import { nodeSays } from './sentence.ts';

const node = (more: Partial<FleetNode>): FleetNode => ({ role: 'LOCAL_WORKER', state: 'live', works_on: [], queue: 0, handed_over: {}, ...more }) as FleetNode;

test('only a node that is up is free', () => {
  assert.match(nodeSays(node({})), /free/);
  for (const state of ['stopped', 'stale', 'offline']) assert.equal(nodeSays(node({ state })), nodeSays(node({})).split(' · ')[0]);
  assert.match(nodeSays(node({ state: 'offline', works_on: ['a'] })), /a/);
});
