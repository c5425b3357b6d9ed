// What do tabs and the store's worker say to each other?
import type { StoreCalls } from './methods.ts';

export const CHANNEL = 'shiftbook-store';
export const LOCK = 'shiftbook-store';

/** Where the store is: in this browser for good, or only for as long as this tab lives, and why. */
export type Mode = 'kept' | 'memory';
export type MemoryReason = 'insecure' | 'unsupported' | 'refused' | 'newer' | '';

export type Method = keyof StoreCalls | 'dump' | 'wipe';

export interface Call {
  kind: 'call';
  from: string; // the tab
  id: number;
  method: Method;
  args: unknown[];
}

export interface Reply {
  kind: 'reply';
  to: string;
  id: number;
  result?: unknown;
  error?: { name: string; says: string };
}

/** The worker that leads says so when it begins, and again to whoever asks. */
export interface Ready {
  kind: 'ready';
  mode: Mode;
  why: MemoryReason;
}

/** A tab that begins asks who leads. */
export interface Hello {
  kind: 'hello';
}

/** Something was said or came in: whoever shows it looks again. */
export interface Moved {
  kind: 'moved';
}

export type Message = Call | Reply | Ready | Hello | Moved;
/** Calls that change what is shown. */
export const MOVING: ReadonlySet<Method> = new Set<Method>(['say', 'settle', 'take', 'rename', 'wipe', 'held', 'outgoing', 'refused', 'holdQuestion', 'dropQuestion', 'bindQuestions', 'seeOrder']);
