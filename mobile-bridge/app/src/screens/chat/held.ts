// What becomes of a message that no node heard? It waits in this browser, bound to its conversation, and for a day.
import { offline, opened } from '../../state/offline.svelte.ts';
import type { HeldQuestion } from '../../store/question-table.ts';

const LIFE_MS = 24 * 3_600_000;

/** Promises whether it is kept for good; not where this browser keeps nothing, or has no room. */
export async function hold(question: Omit<HeldQuestion, 'at' | 'expires'>): Promise<boolean> {
  const store = await opened;
  if (!store || store.place.mode !== 'kept') return false;
  const at = Date.now();
  return store.holdQuestion({ ...question, at, expires: at + LIFE_MS }).then(
    () => true,
    () => false, // the words go back into the field, with the reason why they were not sent
  );
}

export async function takeBack(question: HeldQuestion): Promise<void> {
  await offline.store?.dropQuestion(question.key);
}
