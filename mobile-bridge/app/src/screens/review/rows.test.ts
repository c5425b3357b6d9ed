import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Diff, DiffLine } from '../../api/types.ts';
import { COMMENT_ROOF, rejection } from './comment.ts';
import { HEIGHTS, LINE_ROOF, offsetsOf, rowAt, rowsOf, widest } from './rows.ts';

const line = (kind: DiffLine['kind'], n: number, text = 'x'): DiffLine => ({ kind, old: kind === '+' ? null : n, new: kind === '-' ? null : n, text });
const diffOf = (lines: DiffLine[], path = 'a.py'): Diff => ({
  files: [{ path, old_path: '', status: 'modified', added: 1, removed: 0, binary: false, notes: [], hunks: [{ heading: '', old_start: 1, new_start: 1, lines }] }],
  digest: 'd', truncated: false, bytes: 1,
});

test('a comment stands below its line, on its own side', () => {
  const diff = diffOf([line('-', 3), line('+', 3)]);
  const rows = rowsOf(diff, [{ path: 'a.py', line: 3, removed: false, text: 'why?' }]);
  assert.deepEqual(rows.map((row) => row.kind), ['file', 'hunk', 'line', 'line', 'comment']);
  const old = rowsOf(diff, [{ path: 'a.py', line: 3, removed: true, text: 'why?' }]);
  assert.deepEqual(old.map((row) => row.kind), ['file', 'hunk', 'line', 'comment', 'line']);
});

test('a binary and an empty file say so', () => {
  const diff = diffOf([]);
  const [file] = diff.files;
  assert.ok(file);
  assert.deepEqual(rowsOf({ ...diff, files: [{ ...file, binary: true, hunks: [] }, { ...file, hunks: [] }] }, []).map((row) => (row.kind === 'note' ? row.says : row.kind)), ['file', 'binary', 'file', 'empty']);
});

test('the row at every place is the one that covers it', () => {
  const rows = rowsOf(diffOf(Array.from({ length: 50 }, (_, n) => line('+', n + 1))), []);
  const offsets = offsetsOf(rows);
  assert.equal(offsets[rows.length], HEIGHTS.file + HEIGHTS.hunk + 50 * HEIGHTS.line);
  for (let place = 0; place < (offsets[rows.length] ?? 0); place += 7) {
    const at = rowAt(offsets, place);
    assert.ok((offsets[at] ?? 0) <= place && place < (offsets[at + 1] ?? 0), String(place));
  }
  assert.equal(rowAt(offsets, -5), 0);
  assert.equal(rowAt(offsets, 1e9), rows.length - 1);
});

test('a hundred thousand lines are laid out in a moment, and one endless line is cut', () => {
  const rows = rowsOf(diffOf(Array.from({ length: 100_000 }, (_, n) => line('+', n + 1, n === 5 ? 'y'.repeat(1_000_000) : 'x'.repeat(200)))), []);
  assert.equal(rows.length, 100_002);
  assert.equal(widest(rows), LINE_ROOF);
  assert.ok(rowAt(offsetsOf(rows), 1_000_000) > 40_000);
});

test('what goes back names each place', () => {
  const comments = [{ path: 'a.py', line: 3, removed: false, text: ' why? ' }, { path: 'b.py', line: 9, removed: true, text: 'keep it' }];
  assert.equal(rejection(' Not yet. ', comments), 'Not yet.\n\na.py:3: why?\nb.py:9 (removed): keep it');
  assert.equal(rejection('', []), '');
  assert.ok(COMMENT_ROOF > 100);
});
