// What of a conversation does this browser keep, where no node answers that has it?
import { offline } from '../../state/offline.svelte.ts';
import { messageOf } from './messages.ts';
import type { Turn } from './talk.svelte.ts';

/** The last so many turns, the oldest first; none where nothing is kept. */
export async function keptTurns(chat: string, limit: number): Promise<Turn[]> {
  const ops = (await offline.store?.page(`chat/${chat}`, 'turn', '', limit)) ?? [];
  return ops.map((op, at) => {
    const { role, text, when } = messageOf(op);
    return { seq: at + 1, role, text, when: when.toISOString(), answer: {} };
  });
}
