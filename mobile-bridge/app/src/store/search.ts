// Which messages hold these words? Full text, newest first, prefixes too.
import { decode, type Operation } from '../sync/operations.ts';
import type { Db } from './db.ts';

/** At most so many operations whose texts hold all the words, the last of them as a beginning. */
export function searchTurns(db: Db, words: string, limit = 50): Operation[] {
  const asked = (words.match(/[\p{L}\p{N}_]+/gu) ?? []).slice(0, 16);
  if (!asked.length) return [];
  const query = asked.map((word, at) => `"${word}"${at === asked.length - 1 ? '*' : ''}`).join(' ');
  const sql = 'SELECT o.op AS op FROM (SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?) w JOIN ops o ON o.place = w.rowid';
  return db.all(sql, [query, limit]).map((row) => decode(String(row['op'])));
}
