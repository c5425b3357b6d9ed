// What becomes of an order that can still be called back when the page goes? It stands beside the page until it was given, and the next page gives it.
import { perform, type Intent } from '../api/intents.ts';

export const PLACE = 'shiftbook.undoable';
/** Milliseconds after its time in which the page that has it gives it, if it is still there. */
const OTHERS_MS = 3_000;

export interface Undoable {
  intent: Intent;
  key: string; // of the order: given by two pages it is one
  due: number; // milliseconds since 1970: from then on it cannot be called back
}
type Kept = Pick<Storage, 'getItem' | 'setItem'>;

function all(kept: Kept): Undoable[] {
  try {
    const found = JSON.parse(kept.getItem(PLACE) ?? '[]') as Undoable[];
    return Array.isArray(found) ? found.filter((one) => typeof one?.key === 'string' && typeof one.due === 'number' && one.intent) : [];
  } catch {
    return []; // somebody else's words
  }
}

function put(found: Undoable[], kept: Kept): void {
  try {
    kept.setItem(PLACE, JSON.stringify(found));
  } catch { /* a full browser: the page that has it gives it, if it is not left before */ }
}

export const remember = (one: Undoable, kept: Kept = localStorage): void => put([...all(kept).filter(({ key }) => key !== one.key), one], kept);
export const forget = (key: string, kept: Kept = localStorage): void => put(all(kept).filter((one) => one.key !== key), kept);

/** Gives it. Whatever comes of it is told to the person by the page that is there; a page that goes first leaves it to the next one. */
export async function give({ intent, key }: Undoable, kept: Kept = localStorage): Promise<'done' | 'queued'> {
  try {
    return (await perform(intent, key)).state;
  } finally {
    forget(key, kept);
  }
}

/** Gives, each a moment after its time, what a page that is gone did not give. What ran out meanwhile is forgotten: it holds no more. */
export function giveLeftBehind(given: (one: Undoable, state: 'done' | 'queued') => void, failed: (error: unknown) => void, kept: Kept = localStorage, now: () => number = Date.now): void {
  for (const one of all(kept)) {
    if (!(Date.parse(one.intent.expires) > now())) forget(one.key, kept);
    else setTimeout(() => has(one.key, kept) && void give(one, kept).then((state) => given(one, state), failed), Math.max(0, one.due + OTHERS_MS - now()));
  }
}

const has = (key: string, kept: Kept): boolean => all(kept).some((one) => one.key === key);
