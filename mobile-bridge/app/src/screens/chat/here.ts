// What becomes of an answer that this device gave? It is a turn like any other: said to the store, which brings it to a node once.
import type { AnswerFacts } from '../../api/chat.ts';
import type { DeviceAnswer } from '../../device-model/device-model.svelte.ts';
import { opened } from '../../state/offline.svelte.ts';
import type { Draft } from '../../sync/operations.ts';
import { t } from '../../texts/screens.ts';

/** Names a conversation that no node has begun. */
export const newConversation = (): string => crypto.randomUUID().replaceAll('-', '');

export function draftsOf(chat: string, project: string, asked: string, { text, model }: Pick<DeviceAnswer, 'text' | 'model'>, said: string): Draft[] {
  const turn = (value: Record<string, string>): Draft => ({ kind: 'append', entity: `chat/${chat}`, field: 'turn', value: { ...value, said } });
  const of = project ? [{ kind: 'set' as const, entity: `chat/${chat}`, field: 'project', value: project }] : [];
  return [...of, turn({ role: 'user', text: asked }), turn({ role: 'assistant', text, model: t.model.onDevice(model.name) })];
}

/** Keeps question and answer, under a key that makes a repetition harmless. Where this browser keeps nothing they live as long as the page. */
export async function keepHere(drafts: Draft[], key: string): Promise<void> {
  await (await opened)?.say(drafts, key);
}

/** The answer as it is told of: who gave it, what that is good for, what it was not given. */
export function factsOf({ model, tokens, finish, first, left, cut }: DeviceAnswer): Partial<AnswerFacts> {
  const notes = [model.says, left ? t.model.left(left) : '', cut ? t.model.cut(cut) : ''].filter(Boolean);
  return { way: 'device', model: model.name, good_for: model.good_for, finish, notes, usage: { tokens_in: 0, tokens_cached: 0, tokens_out: tokens, first_token_seconds: first } };
}
