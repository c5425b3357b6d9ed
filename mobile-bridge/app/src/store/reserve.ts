// What is left for a person's words when the browser's room is full? Some bytes of it, held by a file that is given up then.

/** As browsers have it in workers; TypeScript's types of a page do not know it. */
interface FileHandle {
  getSize(): number;
  truncate(size: number): void;
  write(bytes: Uint8Array, options: { at: number }): number;
  close(): void;
}
export type OpenFile = () => Promise<FileHandle>;

const NAME = 'shiftbook-reserve';
/** More than the journal of SQLite may have: that must go into the database before anything is written in the room of something else. */
export const HELD_BYTES = 4 * 1024 * 1024;
const TRIED_BYTES = 64 * 1024;
/** Why the file cannot be had now, and can later: there is no room, or the worker that led before has not let go of it yet. */
const PASSING = new Set(['QuotaExceededError', 'NoModificationAllowedError']);

/** Whether the file is so large now. A full browser writes less than it was given, or refuses. */
function grown(file: FileHandle, size: number): boolean {
  try {
    const before = file.getSize();
    const lacks = Math.max(0, size - before);
    return lacks === 0 || file.write(new Uint8Array(lacks), { at: before }) === lacks;
  } catch {
    return false; // there is no room: that is what was asked
  }
}

/** The room that is held. Without a file, or once it was given up, any write that fails counts as one for want of room. */
export class Reserve {
  #file: FileHandle | null = null;
  #none = false; // this browser has no such files
  readonly #open: OpenFile;

  constructor(open: OpenFile = ofThisBrowser) {
    this.#open = open;
  }

  /** Whether it has its room, or can have none here: a browser without such files. */
  get held(): boolean {
    return this.#file !== null || this.#none;
  }

  /** Whether no more goes in. */
  full(): boolean {
    if (!this.#file) return true;
    const before = this.#file.getSize();
    const room = grown(this.#file, before + TRIED_BYTES);
    this.#file.truncate(before);
    return !room;
  }

  /** Lets go of it: only a file that is closed gives its bytes back to the others. */
  give(): void {
    this.#file?.truncate(0);
    this.#file?.close();
    this.#file = null;
  }

  /** Holds it whole, or not at all; answers what `held` is then. One call at a time. */
  async take(): Promise<boolean> {
    if (this.#file) return true;
    try {
      this.#file = await this.#open();
      this.#none = false;
    } catch (error) {
      this.#none = !(error instanceof DOMException && PASSING.has(error.name)); // the store works all the same, until it is full
      return this.#none;
    }
    if (!grown(this.#file, HELD_BYTES)) this.give();
    return this.#file !== null;
  }
}

/** Only the worker that leads may have it. */
async function ofThisBrowser(): Promise<FileHandle> {
  const found = await (await navigator.storage.getDirectory()).getFileHandle(NAME, { create: true });
  return (found as unknown as { createSyncAccessHandle(): Promise<FileHandle> }).createSyncAccessHandle();
}
