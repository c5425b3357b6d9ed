// What of a conversation does this browser keep, where no node answers that has it?
import { deviceModel } from '../../device-model/device-model.svelte.ts';
import { opened } from '../../state/offline.svelte.ts';
import { t } from '../../texts/screens.ts';
import { messageOf } from './messages.ts';
import type { Turn } from './talk.svelte.ts';

/** The last so many turns, the oldest first; none where nothing is kept. */
export async function keptTurns(chat: string, limit: number): Promise<Turn[]> {
  const ops = (await (await opened)?.page(`chat/${chat}`, 'turn', '', limit)) ?? [];
  return ops.map((op, at) => {
    const { role, text, model, when } = messageOf(op);
    const { kept } = deviceModel;
    const mine = kept && model === t.model.onDevice(kept.name);
    return { seq: at + 1, role, text, when: when.toISOString(), answer: model ? { model, ...(mine ? { good_for: kept.good_for, notes: [kept.says] } : {}) } : {} };
  });
}
