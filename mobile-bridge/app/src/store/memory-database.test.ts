// How do tests have a database like the worker's? Node's own SQLite, in memory.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Bind, Db, Row } from './db.ts';

export function memoryDatabase(): Db {
  const database = new DatabaseSync(':memory:');
  const kept = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => kept.get(sql) ?? (kept.set(sql, database.prepare(sql)), statement(sql));
  return {
    run: (sql: string, values: Bind[] = []) => void statement(sql).run(...values),
    all: (sql: string, values: Bind[] = []) => statement(sql).all(...values) as Row[],
  };
}
