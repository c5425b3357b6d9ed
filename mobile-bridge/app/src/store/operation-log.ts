// How are operations kept in this browser: those of this device until every node has them, and those of all others?
import { encode, keyOf, ORDER, type Draft, type Operation, type PushLimits, decode, requireBounded } from '../sync/operations.ts';
import { later, tick } from '../sync/stamps.ts';
import { whole, type Db, type Row } from './db.ts';

export interface Standing {
  device: string;
  born: string; // what this store was called first: another one is another store
  unsent: number; // never sent to any node
  held: number; // up to which number the node that was spoken to last holds this device's
  pending: number; // of this device, not known to be held there
  total: number;
}

/** What is to be pushed, and which of it goes out for the first time. */
export interface Outgoing {
  ops: string[];
  first: number[];
}

const SAID_KEPT_MS = 3_600_000; // how long a call that is repeated is recognised
export const TURN = 'turn';

/** The operations of one store. Every method is one transaction. `now` is milliseconds since 1970 by this device's clock. */
export class OperationLog {
  constructor(db: Db, device: () => string) {
    this.db = db;
    this.device = device;
  }

  private readonly db: Db;
  private readonly device: () => string;

  /** Says something, with or without a network. The same `nonce` again says nothing new and answers the same. */
  say(drafts: Draft[], nonce: string, now: number): Operation[] {
    return whole(this.db, () => {
      const before = this.db.all('SELECT ops FROM said WHERE nonce = ?', [nonce])[0];
      if (before) return (JSON.parse(String(before['ops'])) as string[]).map(decode);
      const device = this.device();
      let seq = this.highest(device);
      let last = this.latest();
      const made = drafts.map((draft): Operation => {
        last = tick(device, now + this.offset(), last);
        const { kind, entity, field, value, resolves = [] } = draft;
        const op = { device, seq: ++seq, hlc: last, kind, entity, field, value, base: kind === 'set' ? this.base(entity, field) : '', resolves };
        const text = encode(op);
        requireBounded(op, text);
        this.insert(op, text, 0);
        return op;
      });
      this.db.run('INSERT INTO said VALUES (?, ?, ?)', [nonce, JSON.stringify(made.map(encode)), now]);
      this.db.run('DELETE FROM said WHERE at < ?', [now - SAID_KEPT_MS]);
      return made;
    });
  }

  /** Corrects this device's clock by a node's: what was never sent is stamped anew, in order; what was sent never is. */
  correct(offset: number, now: number): void {
    whole(this.db, () => {
      this.put('offset', String(offset));
      const device = this.device();
      let last = this.latestSent(device);
      for (const row of this.db.all('SELECT place, op FROM ops WHERE device = ? AND sent = 0 ORDER BY seq', [device])) {
        last = tick(device, now + offset, last);
        const op = { ...decode(String(row['op'])), hlc: last };
        this.db.run('UPDATE ops SET hlc = ?, op = ? WHERE place = ?', [last, encode(op), row['place'] ?? 0]);
      }
    });
  }

  /** As many as a node takes at once, and one at least. Marks the page as sent BEFORE it goes out: from then on it may be at the node, whatever is heard of it. */
  outgoing(held: number, limits: PushLimits): Outgoing {
    return whole(this.db, () => {
      const sizes = 'SELECT seq, entity, length(CAST(op AS BLOB)) AS size FROM ops WHERE device = ? AND seq > ? ORDER BY seq LIMIT ?';
      const last = held + fitting(this.db.all(sizes, [this.device(), held, limits.ops]), limits);
      const rows = this.db.all('SELECT seq, op, sent FROM ops WHERE device = ? AND seq > ? AND seq <= ? ORDER BY seq', [this.device(), held, last]);
      const first = rows.filter((row) => row['sent'] === 0).map((row) => Number(row['seq']));
      this.db.run('UPDATE ops SET sent = 1 WHERE device = ? AND seq > ? AND seq <= ?', [this.device(), held, last]);
      return { ops: rows.map((row) => String(row['op'])), first };
    });
  }

  /** A node refused the page whole, and said so: what went out for the first time was taken by nobody. */
  refused(first: number[]): void {
    whole(this.db, () => {
      for (const seq of first) this.db.run('UPDATE ops SET sent = 0 WHERE device = ? AND seq = ?', [this.device(), seq]);
    });
  }

  /** Up to which number the node spoken to holds this device's operations. */
  held(seq: number): void {
    this.put('held', String(seq));
  }

  /** Takes in a page with the cursor behind it; answers how many were new. */
  take(node: string, texts: string[], cursor: string): number {
    return whole(this.db, () => {
      let taken = 0;
      for (const text of texts) {
        const op = decode(text);
        if (this.db.all('SELECT 1 FROM ops WHERE device = ? AND seq = ?', [op.device, op.seq]).length) continue;
        this.insert(op, encode(op), 1);
        taken += 1;
      }
      this.db.run('INSERT INTO cursors VALUES (?, ?) ON CONFLICT (node) DO UPDATE SET cursor = excluded.cursor', [node, cursor]);
      return taken;
    });
  }

  cursor(node: string): string {
    return String(this.db.all('SELECT cursor FROM cursors WHERE node = ?', [node])[0]?.['cursor'] ?? '');
  }

  /** Every operation of an entity, in the order of the stamps. */
  of(entity: string): Operation[] {
    return this.db.all('SELECT op FROM ops WHERE entity = ? ORDER BY hlc', [entity]).map(toOperation);
  }

  /** The last so many items of a list that come before a stamp ('': of all), the oldest first. */
  page(entity: string, field: string, before: string, limit: number): Operation[] {
    const sql = "SELECT op FROM ops WHERE entity = ? AND field = ? AND kind = 'append' AND hlc < ? ORDER BY hlc DESC LIMIT ?";
    return this.db.all(sql, [entity, field, before || '~', limit]).map(toOperation).reverse();
  }

  /** Every operation of the registers that several set from one base. */
  disputed(): Operation[] {
    const sql = `SELECT op FROM ops WHERE kind = 'set' AND entity IN (SELECT entity FROM ops WHERE kind = 'set' GROUP BY entity, field,
      op ->> '$.base' HAVING count(*) > 1) ORDER BY hlc`;
    return this.db.all(sql).map(toOperation);
  }

  standing(): Standing {
    const device = this.device();
    // Nothing is ever deleted, so the last place is the number of all: with a hundred thousand, counting them keeps a search waiting.
    const sql = 'SELECT (SELECT max(place) FROM ops) AS total, (SELECT count(*) FROM ops WHERE device = ? AND sent = 0) AS unsent';
    const counted = this.db.all(sql, [device])[0] ?? {};
    const held = Number(this.fact('held') ?? 0);
    const pending = Math.max(0, this.highest(device) - held);
    return { device, held, born: this.fact('born') ?? this.bear(device), total: Number(counted['total'] ?? 0), unsent: Number(counted['unsent'] ?? 0), pending };
  }

  private bear(device: string): string {
    this.put('born', device);
    return device;
  }

  /** The store goes on under another name: what was never taken is said again under it, in order. */
  rename(device: string, from: string, held: number, now: number): void {
    whole(this.db, () => {
      const rows = this.db.all('SELECT place, op FROM ops WHERE device = ? AND seq > ? ORDER BY seq', [from, held]);
      let last = this.latest();
      for (const [at, row] of rows.entries()) {
        const op = { ...decode(String(row['op'])), device, seq: at + 1 };
        last = tick(device, now + this.offset(), last);
        op.hlc = last;
        this.db.run('UPDATE ops SET device = ?, seq = ?, hlc = ?, op = ?, sent = 0 WHERE place = ?', [device, op.seq, op.hlc, encode(op), row['place'] ?? 0]);
      }
      this.put('device', device);
      this.put('held', '0');
    });
  }

  private insert(op: Operation, text: string, sent: 0 | 1): void {
    const { device, seq, hlc, kind, entity, field } = op;
    this.db.run('INSERT INTO ops (device, seq, hlc, kind, entity, field, op, sent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)', [device, seq, hlc, kind, entity, field, text, sent]);
    const words = wordsOf(op);
    if (words) this.db.run('INSERT INTO words (rowid, text) VALUES (last_insert_rowid(), ?)', [words]);
  }

  private base(entity: string, field: string): string {
    const row = this.db.all("SELECT op FROM ops WHERE entity = ? AND field = ? AND kind = 'set' ORDER BY hlc DESC LIMIT 1", [entity, field])[0];
    return row ? keyOf(toOperation(row)) : '';
  }

  private highest(device: string): number {
    return Number(this.db.all('SELECT max(seq) AS seq FROM ops WHERE device = ?', [device])[0]?.['seq'] ?? 0);
  }

  private latest(): string {
    return String(this.db.all('SELECT max(hlc) AS hlc FROM ops')[0]?.['hlc'] ?? '');
  }

  private latestSent(device: string): string {
    const others = this.db.all('SELECT hlc FROM ops WHERE device <> ? ORDER BY hlc DESC LIMIT 1', [device])[0]?.['hlc'];
    const own = this.db.all('SELECT hlc FROM ops WHERE device = ? AND sent = 1 ORDER BY seq DESC LIMIT 1', [device])[0]?.['hlc'];
    return later(String(others ?? ''), String(own ?? ''));
  }

  private offset(): number {
    return Number(this.fact('offset') ?? 0);
  }

  fact(name: string): string | null {
    const value = this.db.all('SELECT value FROM facts WHERE name = ?', [name])[0]?.['value'];
    return value === undefined ? null : String(value);
  }

  put(name: string, value: string): void {
    this.db.run('INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value', [name, value]);
  }
}

const toOperation = (row: Row): Operation => decode(String(row['op']));

/** How many of the rows go into one push. */
function fitting(rows: Row[], { orders, bytes }: PushLimits): number {
  let [ordered, size] = [0, 0];
  const over = rows.findIndex((row) => {
    ordered += String(row['entity']).startsWith(ORDER) ? 1 : 0;
    size += Number(row['size']) + 1; // and the comma
    return ordered > orders || size > bytes;
  });
  return over < 0 ? rows.length : Math.max(1, over);
}

/** What of an operation is found by its words: a turn's text, a title. */
function wordsOf({ field, value }: Operation): string {
  if (field === 'title' && typeof value === 'string') return value;
  if (field !== TURN || value === null || typeof value !== 'object' || Array.isArray(value)) return '';
  return typeof value['text'] === 'string' ? value['text'] : '';
}
