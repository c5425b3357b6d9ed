// How does a diff become rows of known heights? Then only those in sight need to be made, however many there are.
import type { Diff, DiffFile, DiffLine } from '../../api/types.ts';

export interface LineComment {
  path: string;
  line: number; // in the new file; in the old one for a removed line
  removed: boolean;
  text: string;
}

export type Row =
  | { kind: 'file'; file: DiffFile; index: number }
  | { kind: 'note'; says: 'binary' | 'empty' }
  | { kind: 'hunk'; heading: string; old: number; now: number }
  | { kind: 'line'; line: DiffLine; path: string }
  | { kind: 'comment'; comment: LineComment };

export const HEIGHTS: Record<Row['kind'], number> = { file: 46, note: 40, hunk: 26, line: 20, comment: 44 };
/** Characters of one line that are shown; a minified file has all of itself in one. */
export const LINE_ROOF = 2000;

export const numberOf = (line: DiffLine): number => line.new ?? line.old ?? 0;

function commentKey(path: string, line: number, removed: boolean): string {
  return `${removed ? '-' : '+'}${line} ${path}`;
}

/** The rows in their order, each comment below its line. */
export function rowsOf(diff: Diff, comments: readonly LineComment[]): Row[] {
  const said = Map.groupBy(comments, (one) => commentKey(one.path, one.line, one.removed));
  const rows: Row[] = [];
  for (const [index, file] of diff.files.entries()) {
    rows.push({ kind: 'file', file, index });
    if (file.binary) rows.push({ kind: 'note', says: 'binary' });
    else if (!file.hunks.length) rows.push({ kind: 'note', says: 'empty' });
    for (const hunk of file.hunks) {
      rows.push({ kind: 'hunk', heading: hunk.heading, old: hunk.old_start, now: hunk.new_start });
      for (const line of hunk.lines) {
        rows.push({ kind: 'line', line, path: file.path });
        const here = said.get(commentKey(file.path, numberOf(line), line.kind === '-'));
        for (const comment of here ?? []) rows.push({ kind: 'comment', comment });
      }
    }
  }
  return rows;
}

/** Where each row begins, in pixels, and at the end where the last one ends. */
export function offsetsOf(rows: readonly Row[]): Float64Array {
  const offsets = new Float64Array(rows.length + 1);
  for (const [n, row] of rows.entries()) offsets[n + 1] = (offsets[n] ?? 0) + HEIGHTS[row.kind];
  return offsets;
}

/** The first row that ends behind a place. */
export function rowAt(offsets: Float64Array, place: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle + 1] ?? Infinity) > place) high = middle;
    else low = middle + 1;
  }
  return Math.max(0, Math.min(low, offsets.length - 2));
}

/** The longest line in sight of anybody, in characters, for the width that is scrolled. */
export function widest(rows: readonly Row[]): number {
  let most = 0;
  for (const row of rows) if (row.kind === 'line') most = Math.max(most, Math.min(row.line.text.length, LINE_ROOF));
  return most;
}
