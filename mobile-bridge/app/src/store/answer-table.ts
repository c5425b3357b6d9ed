// What did a node answer last, for times without one? Answers to GET by their path, the newest so many.
import type { Db } from './db.ts';

export interface StoredAnswer {
  data: unknown;
  etag: string | null;
  at: number; // milliseconds since 1970
}

const ROOF = 400;
const MAX_CHARACTERS = 2_000_000; // of one answer: a diff of 20 MB is not kept

export class AnswerTable {
  constructor(db: Db) {
    this.db = db;
  }

  private readonly db: Db;

  read(path: string): StoredAnswer | null {
    const row = this.db.all('SELECT data, etag, at FROM answers WHERE path = ?', [path])[0];
    if (!row) return null;
    return { data: JSON.parse(String(row['data'])) as unknown, etag: row['etag'] === null ? null : String(row['etag']), at: Number(row['at']) };
  }

  write(path: string, { data, etag, at }: StoredAnswer): void {
    const text = JSON.stringify(data);
    if (text.length > MAX_CHARACTERS) return void this.db.run('DELETE FROM answers WHERE path = ?', [path]);
    this.db.run('INSERT INTO answers VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data, etag = excluded.etag, at = excluded.at', [path, text, etag, at]);
    this.db.run('DELETE FROM answers WHERE path IN (SELECT path FROM answers ORDER BY at DESC LIMIT -1 OFFSET ?)', [ROOF]);
  }

  clear(): void {
    this.db.run('DELETE FROM answers');
  }
}
