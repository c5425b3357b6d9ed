// Where does SQLite run? Here, in a worker: the one that holds the lock opens the store for all tabs of this browser.
import sqlite3InitModule, { type Database, type PreparedStatement, type Sqlite3Static } from '@sqlite.org/sqlite-wasm';
import type { Bind, Db, Row } from './db.ts';
import { CHANNEL, LOCK, MOVING, type Call, type MemoryReason, type Message, type Mode, type Reply } from './messages.ts';
import { storeMethods, type StoreCalls } from './methods.ts';
import { bringUp } from './schema.ts';

type Pool = Awaited<ReturnType<Sqlite3Static['installOpfsSAHPoolVfs']>>;

const FILE = '/shiftbook.db';
const POOL = { name: 'shiftbook', directory: '.shiftbook', initialCapacity: 12 };
/** The lock must be exclusive before anything else: without it the journal stays what it was, quietly. */
const PRAGMAS = ['locking_mode=exclusive', 'journal_mode=wal', 'synchronous=normal', 'temp_store=memory', 'trusted_schema=off'];
const own = globalThis as unknown as { postMessage(message: Message): void; onmessage: ((event: MessageEvent<Message>) => void) | null };
const device = (globalThis as unknown as { name: string }).name || 'browser';

interface Opened {
  calls: StoreCalls;
  dump(): Uint8Array;
  wipe(): void;
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

function open(sqlite: Sqlite3Static, database: Database, empty: () => void): Opened {
  const db = wrapped(database);
  bringUp(db);
  return {
    calls: storeMethods(db, Date.now, device, storeName),
    dump: () => sqlite.capi.sqlite3_js_db_export(database),
    wipe: empty,
  };
}

async function openKept(sqlite: Sqlite3Static): Promise<Opened> {
  const pool: Pool = await sqlite.installOpfsSAHPoolVfs(POOL);
  await pool.reserveMinimumCapacity(POOL.initialCapacity);
  const begin = (): Opened => {
    const database = new pool.OpfsSAHPoolDb(FILE);
    try {
      for (const pragma of PRAGMAS) database.exec(`PRAGMA ${pragma}`);
      return open(sqlite, database, () => {
        database.close();
        void pool.wipeFiles();
      });
    } catch (error) {
      database.close();
      throw error;
    }
  };
  return begin();
}

function serve(opened: Opened, mode: Mode, why: MemoryReason, tell: (message: Message) => void): (message: Message) => void {
  tell({ kind: 'ready', mode, why });
  return (message) => {
    if (message.kind === 'hello') tell({ kind: 'ready', mode, why });
    if (message.kind === 'call') {
      tell(answer(opened, message));
      if (MOVING.has(message.method)) tell({ kind: 'moved' });
    }
  };
}

function answer(opened: Opened, { from, id, method, args }: Call): Reply {
  try {
    const work = method === 'dump' ? opened.dump : method === 'wipe' ? opened.wipe : opened.calls[method];
    return { kind: 'reply', to: from, id, result: (work as (...given: unknown[]) => unknown)(...args) };
  } catch (error) {
    const full = /SQLITE_FULL|QuotaExceeded|quota/i.test(String(error));
    return { kind: 'reply', to: from, id, error: { name: full ? 'StoreFull' : 'StoreFailed', says: String(error) } };
  }
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
