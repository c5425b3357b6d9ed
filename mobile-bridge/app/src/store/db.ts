// Through which few calls is SQLite used? A port: the worker's build, or Node's own in tests.

export type Bind = string | number | null;
export type Row = Record<string, string | number | null>;

export interface Db {
  run(sql: string, values?: Bind[]): void;
  all(sql: string, values?: Bind[]): Row[];
}

/** Does the work whole, or not at all. */
export function whole<T>(db: Db, work: () => T): T {
  db.run('BEGIN IMMEDIATE');
  try {
    const made = work();
    db.run('COMMIT');
    return made;
  } catch (error) {
    try {
      db.run('ROLLBACK');
    } catch { /* where the disk is full SQLite has taken it back by itself */ }
    throw error;
  }
}
