// When are held messages asked? As soon as a node answers, one after the other, by one tab; the node counts each once by its key.
import { Problem } from '../../api/problem.ts';
import { toldShort } from '../../components/told.ts';
import { offline } from '../../state/offline.svelte.ts';
import { toastError } from '../../state/toasts.svelte.ts';
import type { Store } from '../../store/store.ts';
import type { HeldQuestion } from '../../store/question-table.ts';
import { talkOf } from './talk.svelte.ts';

const LOCK = 'shiftbook-questions';
/** A node that says so takes the same message later. */
const LATER = new Set([401, 403, 408, 409, 421, 425, 429, 500, 502, 503, 504]);

/** Asks all that still counts. Promises nothing: what is not heard stays, and the next call tries again. */
export async function deliver(store: Store): Promise<void> {
  await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) => {
    while (lock) {
      const one = (await store.questions()).find((each) => each.expires > Date.now());
      if (!one || !(await delivered(store, one))) return;
    }
  });
}

async function delivered(store: Store, one: HeldQuestion): Promise<boolean> {
  const talk = talkOf(one.chat);
  if (talk.live) return false;
  const error = await talk.sayHeld(one);
  if (error && !(error instanceof Problem && !LATER.has(error.status))) return false;
  if (error) {
    talk.draft = [one.text, talk.draft].filter(Boolean).join('\n\n'); // refused for good: the words are the person's again
    toastError(toldShort(error));
  } else if (!one.chat) await store.bindQuestions(talk.id);
  await store.dropQuestion(one.key);
  return true;
}

/** Asks now what waits, at a person's word. */
export const deliverNow = async (): Promise<void> => {
  if (offline.store) await deliver(offline.store);
};
