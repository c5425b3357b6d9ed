// What is done where the browser's room is full? Answers of nodes can be had again, a person's words cannot: the reserve is for those alone.
import { TooLarge } from '../sync/operations.ts';
import type { Reserve } from './reserve.ts';

/** A write that the browser refuses is an I/O error to SQLite. */
const NO_ROOM = /SQLITE_(FULL|IOERR)/;
const TRIES = 60;
const PAUSE_MS = 100;
const pause = (): Promise<void> => new Promise((go) => setTimeout(go, PAUSE_MS));

/** What came of a call: its result, or why there is none. */
export interface Kept {
  result?: unknown;
  error?: { name: string; says: string };
}
type Held = Pick<Reserve, 'held' | 'full' | 'give' | 'take'>;

const full = (says: string): Kept => ({ error: { name: 'StoreFull', says } });
const USED_UP = full('what is held free for your words is used up');

/** The room of one store. What waits for room is not overtaken by what is said after it. */
export class Room {
  readonly #reserve: Held;
  readonly #clear: () => void;
  readonly #pause: () => Promise<void>;
  #last: Promise<Kept> | null = null; // of those that wait for room

  /** `clear` takes out what was read; `wait` gives the browser time to notice what room was given back. */
  constructor(reserve: Held, clear: () => void, wait: () => Promise<void> = pause) {
    this.#reserve = reserve;
    this.#clear = clear;
    this.#pause = wait;
  }

  /** Reads, or does what is neither. */
  plain(work: () => unknown): Kept {
    try {
      return { result: work() };
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Keeps what can be had again, only while the reserve is held: what a person says next must find room. */
  answer(work: () => unknown): Kept | Promise<Kept> {
    if (this.#reserve.held) return this.plain(work);
    if (this.#last) return USED_UP;
    return this.#inTurn(async () => ((await this.#reserve.take()) ? this.plain(work) : USED_UP));
  }

  /** Keeps what others said: in the room that there is, else in that of what was read. */
  others(work: () => unknown): Kept | Promise<Kept> {
    return this.#keep(work, () => undefined);
  }

  /** Keeps a person's words: in the room that there is, else in that of the reserve, else in that of what was read. */
  words(work: () => unknown): Kept | Promise<Kept> {
    return this.#keep(work, () => this.#reserve.give());
  }

  #keep(work: () => unknown, give: () => void): Kept | Promise<Kept> {
    return (this.#last ? null : this.#now(work)) ?? this.#inTurn(async () => this.#now(work) ?? this.#makingRoom(work, give));
  }

  /** Null where there is no room. */
  #now(work: () => unknown): Kept | null {
    try {
      return { result: work() };
    } catch (error) {
      return NO_ROOM.test(String(error)) ? null : this.#failed(error);
    }
  }

  /** Holds the reserve again, if it can be, before anything else is kept. */
  async #makingRoom(work: () => unknown, give: () => void): Promise<Kept> {
    try {
      give();
      for (let tries = 0; tries < TRIES; tries += 1) {
        const made = this.#now(work);
        if (made) return made;
        this.plain(this.#clear); // it needs some room itself: then again
        await this.#pause();
      }
      return full('there is no room, also without what was read');
    } finally {
      await this.#reserve.take();
    }
  }

  #failed(error: unknown): Kept {
    const says = String(error);
    if (error instanceof TooLarge) return { error: { name: error.name, says: error.message } };
    return NO_ROOM.test(says) && this.#reserve.full() ? full(says) : { error: { name: 'StoreFailed', says } };
  }

  /** One after the other, whatever becomes of one. */
  #inTurn(work: () => Promise<Kept>): Promise<Kept> {
    const begun = this.#last?.then(work) ?? work();
    const mine: Promise<Kept> = begun.catch((error: unknown) => this.#failed(error)).finally(() => {
      if (this.#last === mine) this.#last = null;
    });
    this.#last = mine;
    return mine;
  }
}
