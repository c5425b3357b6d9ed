import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Bind, Db, Row } from './db.ts';
import { QuestionTable, type HeldQuestion } from './question-table.ts';
import { bringUp } from './schema.ts';

function table(): QuestionTable {
  const database = new DatabaseSync(':memory:');
  const db: Db = {
    run: (sql: string, values: Bind[] = []) => void database.prepare(sql).run(...values),
    all: (sql: string, values: Bind[] = []) => database.prepare(sql).all(...values) as Row[],
  };
  bringUp(db);
  return new QuestionTable(db);
}

const question = (key: string, at: number, chat = ''): HeldQuestion => ({ key, chat, text: `text of ${key}`, project: '', tools: at % 2 === 0, at, expires: at + 9 });

test('questions come back as they were held, the oldest first, and each once', () => {
  const held = table();
  for (const one of [question('b', 2), question('a', 1, 'c1'), question('b', 3)]) held.hold(one);
  assert.deepEqual(held.all(), [question('a', 1, 'c1'), question('b', 2)]);
});

test('what followed in a chat without a name belongs to the one that began', () => {
  const held = table();
  for (const one of [question('a', 1), question('b', 2), question('c', 3, 'other')]) held.hold(one);
  held.bind('c9');
  held.drop('a');
  assert.deepEqual(held.all().map((one) => [one.key, one.chat]), [['b', 'c9'], ['c', 'other']]);
});

test('not without end', () => {
  const held = table();
  for (let at = 0; at < 200; at++) held.hold(question(String(at), at));
  assert.throws(() => held.hold(question('more', 1)), /wait for a node/);
});
