// In which order are held messages asked? As they were written; a conversation that cannot be asked now keeps only its own waiting.
import type { HeldQuestion } from '../../store/question-table.ts';

/** What came of asking: it needs no more asking, the node takes it later, or nobody answers. */
export type Came = 'settled' | 'later' | 'nobody';

/** Asks what has not run out, until nothing is left that can be asked now. Promises how many were settled, and whether any wait. */
export async function inTurn(waiting: () => Promise<HeldQuestion[]>, ask: (one: HeldQuestion) => Promise<Came>, now: () => number): Promise<{ asked: number; left: boolean }> {
  const later = new Set<string>();
  for (let asked = 0; ; ) {
    const one = (await waiting()).find((each) => each.expires > now() && !later.has(each.chat));
    if (!one) return { asked, left: later.size > 0 };
    const came = await ask(one);
    if (came === 'nobody') return { asked, left: true };
    if (came === 'later') later.add(one.chat);
    else asked += 1;
  }
}
