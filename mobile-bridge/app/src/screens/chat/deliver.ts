// When are held messages asked? As soon as a node answers, one after the other, by one tab; the node counts each once by its key.
import { Problem, Unreachable } from '../../api/problem.ts';
import { toldShort } from '../../components/told.ts';
import { node } from '../../state/node.svelte.ts';
import { offline } from '../../state/offline.svelte.ts';
import { toastError } from '../../state/toasts.svelte.ts';
import type { Store } from '../../store/store.ts';
import type { HeldQuestion } from '../../store/question-table.ts';
import { pauseAfter } from '../../sync/loop.ts';
import { inTurn, type Came } from './delivery.ts';
import { talkOf } from './talk.svelte.ts';

const LOCK = 'shiftbook-questions';
/** A node that says so takes the same message later. 409: the conversation is answering, this very message perhaps, whose line broke. */
const LATER = new Set([401, 403, 408, 409, 421, 425, 429, 500, 502, 503, 504]);

let again: ReturnType<typeof setTimeout> | undefined;

/** Asks all that still counts. Promises nothing: what is not taken stays, and is asked again after a while, as long as a node answers. `tries`: how often by itself. */
export async function deliver(store: Store, tries = 0): Promise<void> {
  await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    clearTimeout(again);
    const { asked, left } = await inTurn(() => store.questions(), (one) => delivered(store, one), Date.now);
    const more = asked ? 1 : tries + 1;
    if (left) again = setTimeout(() => (node.line === 'open' || node.line === 'held' ? void deliver(store, more) : undefined), pauseAfter(more));
  });
}

async function delivered(store: Store, one: HeldQuestion): Promise<Came> {
  const talk = talkOf(one.chat);
  if (talk.live) return 'later';
  const error = await talk.sayHeld(one);
  if (error instanceof Unreachable) return 'nobody';
  if (error && !(error instanceof Problem && !LATER.has(error.status))) return 'later';
  if (error) {
    talk.draft = [one.text, talk.draft].filter(Boolean).join('\n\n'); // refused for good: the words are the person's again
    toastError(toldShort(error));
  } else if (!one.chat) await store.bindQuestions(talk.id);
  await store.dropQuestion(one.key);
  return 'settled';
}

/** Asks now what waits, at a person's word. */
export const deliverNow = async (): Promise<void> => {
  if (offline.store) await deliver(offline.store);
};
