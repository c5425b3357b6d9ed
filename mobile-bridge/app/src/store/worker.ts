// Where does SQLite run? Here, in a worker: the one that holds the lock opens the store for all tabs of this browser.
import sqlite3InitModule, { type Database, type PreparedStatement, type Sqlite3Static } from '@sqlite.org/sqlite-wasm';
import type { Bind, Db, Row } from './db.ts';
import { CHANNEL, LOCK, MOVING, type Call, type MemoryReason, type Message, type Method, type Mode, type Reply } from './messages.ts';
import { storeMethods, type StoreCalls } from './methods.ts';
import { Reserve } from './reserve.ts';
import { Room, type Kept } from './room.ts';
import { bringUp } from './schema.ts';

type Pool = Awaited<ReturnType<Sqlite3Static['installOpfsSAHPoolVfs']>>;

const FILE = '/shiftbook.db';
const POOL = { name: 'shiftbook', directory: '.shiftbook', initialCapacity: 12 };
/** The lock must be exclusive before anything else: without it the journal stays what it was, quietly. What stands in the journal
 * takes as much room again once it is written into the database, so it is kept shorter than the reserve. */
const PRAGMAS = ['locking_mode=exclusive', 'journal_mode=wal', 'synchronous=normal', 'wal_autocheckpoint=250', 'temp_store=memory', 'trusted_schema=off'];
const own = globalThis as unknown as { postMessage(message: Message): void; onmessage: ((event: MessageEvent<Message>) => void) | null };
const device = (globalThis as unknown as { name: string }).name || 'browser';

interface Opened {
  calls: StoreCalls;
  dump(): Uint8Array;
  wipe(): void;
  room: Room;
}

/** Memory has no end that could be told of beforehand. */
const endless = (): Room => new Room({ held: true, full: () => false, give: () => undefined, take: () => Promise.resolve(true) }, () => undefined);
/** Calls that keep what a person says, or bring it to a node. */
const OWN_WORDS: ReadonlySet<Method> = new Set<Method>(['say', 'settle', 'holdQuestion', 'bindQuestions', 'dropQuestion', 'correct', 'outgoing', 'refused', 'held', 'rename', 'standing', 'seeOrder']);

function wayOf(method: Method): 'words' | 'others' | 'answer' | 'plain' {
  if (OWN_WORDS.has(method)) return 'words';
  return method === 'take' ? 'others' : method === 'writeAnswer' ? 'answer' : 'plain';
}

function wrapped(database: Database): Db {
  const prepared = new Map<string, PreparedStatement>();
  const statement = (sql: string): PreparedStatement => {
    const kept = prepared.get(sql) ?? database.prepare(sql);
    prepared.set(sql, kept);
    return kept;
  };
  return {
    run(sql: string, values: Bind[] = []) {
      const one = statement(sql);
      try {
        if (values.length) one.bind(values);
        one.stepReset();
      } finally {
        one.reset(true);
      }
    },
    all(sql: string, values: Bind[] = []) {
      const one = statement(sql);
      const rows: Row[] = [];
      try {
        if (values.length) one.bind(values);
        while (one.step()) rows.push(one.get({}) as Row);
      } finally {
        one.reset(true);
      }
      return rows;
    },
  };
}

/** A name for a store among those of its device. */
function storeName(owner: string): string {
  const made = crypto.getRandomValues(new Uint8Array(8));
  return `${owner}~${Array.from(made, (each) => (each % 36).toString(36)).join('')}`;
}

function open(sqlite: Sqlite3Static, database: Database, empty: () => void, room: Room = endless()): Opened {
  const db = wrapped(database);
  bringUp(db);
  return {
    calls: storeMethods(db, Date.now, device, storeName),
    dump: () => sqlite.capi.sqlite3_js_db_export(database),
    wipe: empty,
    room,
  };
}

async function openKept(sqlite: Sqlite3Static): Promise<Opened> {
  const pool: Pool = await sqlite.installOpfsSAHPoolVfs(POOL);
  await pool.reserveMinimumCapacity(POOL.initialCapacity);
  const reserve = new Reserve();
  await reserve.take();
  const database = new pool.OpfsSAHPoolDb(FILE);
  const room = new Room(reserve, () => void database.exec('DELETE FROM answers'));
  const empty = (): void => {
    database.close();
    reserve.give();
    void pool.wipeFiles();
  };
  const begun = await room.words(() => {
    for (const pragma of PRAGMAS) database.exec(`PRAGMA ${pragma}`);
    return open(sqlite, database, empty, room);
  }); // a newer page may have to write before anything is read
  if (!begun.error) return begun.result as Opened;
  database.close();
  throw new Error(begun.error.says);
}

function serve(opened: Opened, mode: Mode, why: MemoryReason, tell: (message: Message) => void): (message: Message) => void {
  tell({ kind: 'ready', mode, why });
  return (message) => {
    if (message.kind === 'hello') tell({ kind: 'ready', mode, why });
    if (message.kind === 'call') void serveCall(opened, message, tell);
  };
}

async function serveCall(opened: Opened, call: Call, tell: (message: Message) => void): Promise<void> {
  const reply = answer(opened, call);
  tell(reply instanceof Promise ? await reply : reply);
  if (MOVING.has(call.method)) tell({ kind: 'moved' });
}

function answer(opened: Opened, { from, id, method, args }: Call): Reply | Promise<Reply> {
  const call = (method === 'dump' ? opened.dump : method === 'wipe' ? opened.wipe : opened.calls[method]) as (...given: unknown[]) => unknown;
  const kept = opened.room[wayOf(method)](() => call(...args));
  const reply = (made: Kept): Reply => ({ kind: 'reply', to: from, id, ...made });
  return kept instanceof Promise ? kept.then(reply) : reply(kept);
}

/** A store of this tab alone: SQLite in memory. The tab is told why. */
function serveMemory(sqlite: Sqlite3Static, why: MemoryReason): void {
  const handle = serve(open(sqlite, new sqlite.oo1.DB(':memory:', 'c'), () => undefined), 'memory', why, (message) => own.postMessage(message));
  own.onmessage = ({ data }) => handle(data);
}

async function lead(sqlite: Sqlite3Static): Promise<void> {
  const channel = new BroadcastChannel(CHANNEL);
  const opened = await openKept(sqlite);
  const tell = (message: Message): void => channel.postMessage(message);
  const handle = serve(opened, 'kept', '', tell);
  channel.onmessage = ({ data }: MessageEvent<Message>) => handle(data);
  await new Promise(() => undefined); // until this worker ends, and the browser gives the lock to another tab's
}

async function begin(): Promise<void> {
  const sqlite = await sqlite3InitModule();
  if (!globalThis.isSecureContext) return serveMemory(sqlite, 'insecure');
  if (!navigator.locks || !navigator.storage?.getDirectory || !('BroadcastChannel' in globalThis)) return serveMemory(sqlite, 'unsupported');
  try {
    await navigator.locks.request(LOCK, () => lead(sqlite));
  } catch (error) {
    serveMemory(sqlite, /newer page/.test(String(error)) ? 'newer' : 'refused');
  }
}

void begin();
