// Which tables has the store of this browser, and how does an older one come to them?
import { whole, type Db } from './db.ts';

/** Each step once, in order; `user_version` counts them. A step that was shipped is never changed. */
const STEPS: string[][] = [
  [
    'CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
    `CREATE TABLE ops (place INTEGER PRIMARY KEY, device TEXT NOT NULL, seq INTEGER NOT NULL, hlc TEXT NOT NULL, kind TEXT NOT NULL,
      entity TEXT NOT NULL, field TEXT NOT NULL, op TEXT NOT NULL, sent INTEGER NOT NULL, UNIQUE (device, seq))`,
    'CREATE INDEX ops_of_entity ON ops (entity, field, hlc)',
    'CREATE INDEX ops_by_time ON ops (hlc)',
    "CREATE VIRTUAL TABLE words USING fts5 (text, content='', contentless_delete=1, tokenize=\"unicode61 remove_diacritics 2\")",
    'CREATE TABLE cursors (node TEXT PRIMARY KEY, cursor TEXT NOT NULL) WITHOUT ROWID',
    'CREATE TABLE said (nonce TEXT PRIMARY KEY, ops TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID',
    'CREATE TABLE answers (path TEXT PRIMARY KEY, data TEXT NOT NULL, etag TEXT, at INTEGER NOT NULL)',
    'CREATE INDEX answers_by_time ON answers (at)',
  ],
  [
    `CREATE TABLE questions (key TEXT PRIMARY KEY, chat TEXT NOT NULL, text TEXT NOT NULL, project TEXT NOT NULL, tools INTEGER NOT NULL,
      at INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID`,
    'CREATE INDEX ops_unsent ON ops (device, seq) WHERE sent = 0',
    "CREATE INDEX ops_set ON ops (entity, field) WHERE kind = 'set'",
  ],
];

/** Brings the store up to this page. Throws where a newer page made it. */
export function bringUp(db: Db): void {
  const version = Number(db.all('PRAGMA user_version')[0]?.['user_version'] ?? 0);
  if (version > STEPS.length) throw new Error('a newer page made this store: reload the page');
  for (const [number, step] of STEPS.entries()) {
    if (number < version) continue;
    whole(db, () => {
      for (const sql of step) db.run(sql);
      db.run(`PRAGMA user_version = ${number + 1}`);
    });
  }
}
