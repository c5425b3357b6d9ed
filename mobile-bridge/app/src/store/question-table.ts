// Which questions wait until a node answers? Each with its chat, in the order in which they were written; they never leave this browser by a sync.
import type { Db, Row } from './db.ts';

export interface HeldQuestion {
  key: string; // the Idempotency-Key under which it is asked, however often
  chat: string; // the conversation; '' for the one that begins with it
  text: string;
  project: string;
  tools: boolean;
  at: number; // milliseconds since 1970
  expires: number; // from then on it is not asked by itself
}

const ROOF = 200;

export class QuestionTable {
  constructor(db: Db) {
    this.db = db;
  }

  private readonly db: Db;

  all(): HeldQuestion[] {
    return this.db.all('SELECT * FROM questions ORDER BY at, key').map(toQuestion);
  }

  /** Keeps one. The same key again changes nothing. Throws where too many wait. */
  hold({ key, chat, text, project, tools, at, expires }: HeldQuestion): void {
    if (Number(this.db.all('SELECT count(*) AS n FROM questions')[0]?.['n']) >= ROOF) throw new Error(`${ROOF} messages wait for a node already`);
    this.db.run('INSERT OR IGNORE INTO questions VALUES (?, ?, ?, ?, ?, ?, ?)', [key, chat, text, project, tools ? 1 : 0, at, expires]);
  }

  drop(key: string): void {
    this.db.run('DELETE FROM questions WHERE key = ?', [key]);
  }

  /** What followed in a conversation that had no name yet belongs to the one that has begun. */
  bind(chat: string): void {
    this.db.run("UPDATE questions SET chat = ? WHERE chat = ''", [chat]);
  }
}

const toQuestion = (row: Row): HeldQuestion => ({
  key: String(row['key']),
  chat: String(row['chat']),
  text: String(row['text']),
  project: String(row['project']),
  tools: row['tools'] === 1,
  at: Number(row['at']),
  expires: Number(row['expires']),
});
