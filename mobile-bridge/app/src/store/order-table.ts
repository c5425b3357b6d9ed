// What became of the orders that this device gave without a node? One that was not done stands here until a person has seen it.
import { decode, keyOf, ORDER, ownerOf, type Operation, type Value } from '../sync/operations.ts';
import { parseStamp, stampText } from '../sync/stamps.ts';
import type { Db } from './db.ts';

export interface GivenOrder {
  entity: string;
  action: string;
  mission: string; // its name; of a mission that is to be filed the beginning of its text
  at: number; // milliseconds since 1970
  /** `waiting`: no node has said anything yet. `over`: it ran out before one did. The others as the node says. */
  state: 'waiting' | 'over' | 'refused' | 'failed';
  says: string;
  words: string; // what the person wrote with it: the text of a mission, the comment of a rejection
}

const KEPT_MS = 30 * 86_400_000; // no order counts longer
const TITLE = 80;
const FRONT_MATTER = /^---\r?\n[^]*?\n---\s*\n/;
const SEEN = 'order seen ';

export class OrderTable {
  constructor(db: Db, device: () => string) {
    this.db = db;
    this.device = device;
  }

  private readonly db: Db;
  private readonly device: () => string;

  /** This device's orders of the last thirty days that were not done, the oldest first; those that a person has seen are left out. */
  all(now: number): GivenOrder[] {
    const since = stampText({ wall: Math.max(0, now - KEPT_MS), counter: 0, device: '' });
    const said = this.db.all('SELECT op FROM ops WHERE entity >= ? AND entity < ? AND hlc > ? ORDER BY hlc', [ORDER, `${ORDER}~~`, since]);
    const byEntity = Map.groupBy(said.map((row) => decode(String(row['op']))), (op) => op.entity);
    return [...byEntity.values()].flatMap((ops) => this.standing(ops, now)).filter((one) => one.state === 'waiting' || !this.seen(one.entity));
  }

  /** A person has seen that it was not done. */
  see(entity: string): void {
    this.db.run('INSERT OR IGNORE INTO facts VALUES (?, ?)', [SEEN + entity, '1']);
  }

  private seen(entity: string): boolean {
    return this.db.all('SELECT 1 FROM facts WHERE name = ?', [SEEN + entity]).length > 0;
  }

  private standing(ops: Operation[], now: number): GivenOrder[] {
    const mine = ops.findLast((op) => op.field === 'intent' && ownerOf(op.device) === ownerOf(this.device()));
    if (!mine) return [];
    const given = ops.filter((op) => op.field === 'intent').map(keyOf);
    const told = ops.filter((op) => op.field === 'outcome' && given.includes(word(op.value, 'intent')));
    if (told.some((op) => word(op.value, 'state') === 'done')) return [];
    const last = told.at(-1);
    const value = record(mine.value);
    const over = Number(value['expires']) <= now ? 'over' : 'waiting';
    const state = last ? (word(last.value, 'state') === 'refused' ? 'refused' : 'failed') : over;
    const mission = (last && word(last.value, 'mission')) || word(value, 'mission') || word(value['body'], 'title') || word(value['body'], 'text').replace(FRONT_MATTER, '');
    return [{ entity: mine.entity, action: word(value, 'action'), mission: mission.trim().slice(0, TITLE).trim(), at: parseStamp(mine.hlc).wall, state, says: last ? word(last.value, 'says') : '', words: word(value['body'], 'text') || word(value['body'], 'comment') }];
  }
}

const record = (value: Value | undefined): Record<string, Value> => (value && typeof value === 'object' && !Array.isArray(value) ? value : {});

function word(value: Value | undefined, name: string): string {
  const found = record(value)[name];
  return typeof found === 'string' ? found : '';
}
