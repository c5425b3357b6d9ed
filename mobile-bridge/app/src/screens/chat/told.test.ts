import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argumentsLine, citations, groundingSays, isWhole, toolState, withCall } from './told.ts';

test('an entry is cited by its name, a line by its place', () => {
  const found = citations(['entry fix-1', 'projects/shop/SESSION_BRIEFING.md:7']);
  assert.deepEqual(found.entries.map((one) => one.entry), ['fix-1']);
  assert.deepEqual(found.lines, ['projects/shop/SESSION_BRIEFING.md:7']);
});

test('arguments stand in one short line', () => {
  assert.equal(argumentsLine({ arguments: { path: 'a.txt', text: 'xxx\nyyy', deep: {} } }), 'a.txt xxx yyy');
  assert.equal(argumentsLine({ arguments: { text: 'x'.repeat(200) } }).length, 80);
  const [first, then] = [{ path: 'notes.txt', content: 'a long text' }, { content: 'a long text', path: 'notes.txt' }];
  assert.equal(argumentsLine({ arguments: first }), argumentsLine({ arguments: then }));
});

test('a call that ended takes the place of the one under way', () => {
  const begun = withCall([], { tool: 'read', arguments: {}, state: 'running' });
  const ended = withCall(begun, { tool: 'read', arguments: {}, state: 'done', ok: true });
  assert.deepEqual(ended.map(toolState), ['done']);
  assert.deepEqual(withCall(ended, { tool: 'read', arguments: {}, state: 'running' }).map(toolState), ['done', 'running']);
  assert.equal(toolState({ tool: 'run', arguments: {}, ok: false }), 'failed');
});

test('what the handoff does not bear out is named by its beginning', () => {
  const said = groundingSays({ sentences: 2, supported: 1, unsupported: ['x'.repeat(90)] });
  assert.match(said, /^1 of 2 sentences rest on the handoff · Not in the handoff: “x{59}…”$/);
});

test('an answer that was stopped is not whole', () => {
  assert.deepEqual([isWhole({ finish: 'cancelled' }), isWhole({ finish: 'stop' })], [false, true]);
});
