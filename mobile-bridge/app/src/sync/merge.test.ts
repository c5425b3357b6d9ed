import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MergedOperations, resolution } from './merge.ts';
import { decode, encode, type Operation } from './operations.ts';

const FOLDER = new URL('../../../../tests/mobile_bridge/vectors/', import.meta.url);

interface Vector {
  texts: string[];
  merged: unknown;
}

const vectors = JSON.parse(readFileSync(new URL('merge.json', FOLDER), 'utf8')) as Vector[];

test('the vectors of the node hold here, to the byte', () => {
  assert.ok(vectors.length > 20);
  for (const { texts, merged } of vectors) {
    const ops = texts.map(decode);
    assert.deepEqual(ops.map(encode), texts);
    assert.deepEqual(MergedOperations.of(ops).json(), merged);
  }
});

test('the order and the number of times change nothing', () => {
  for (const { texts, merged } of vectors) {
    const growing = new MergedOperations();
    for (const text of [...texts].reverse()) growing.add([decode(text)]);
    growing.add(texts.map(decode));
    assert.deepEqual(sorted(growing.json()), sorted(merged));
  }
});

test('a conflict is settled by what resolves all of its members', () => {
  const op = (device: string, value: string): Operation => ({
    device, seq: 1, hlc: `000000000000001-00000-${device}`, kind: 'set', entity: 'draft/d', field: 'text', value, base: '', resolves: [],
  });
  const merged = MergedOperations.of([op('a', 'x'), op('b', 'y')]);
  const [one] = merged.conflicts();
  assert.ok(one && !one.resolvedBy);
  const said = { resolves: [], ...resolution(one, 'both') };
  merged.add([{ ...op('a', 'both'), ...said, seq: 2, hlc: '000000000000002-00000-a', base: 'b/1' }]);
  assert.equal(merged.conflicts()[0]?.resolvedBy, 'a/2');
  assert.equal(merged.register('draft/d', 'text')?.value, 'both');
});

const sorted = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, each: unknown) =>
  each && typeof each === 'object' && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort()) : each));
