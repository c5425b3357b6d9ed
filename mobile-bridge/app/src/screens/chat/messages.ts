// What does an operation of a chat say, to whoever reads it? The turn's role and text, its conversation, and when.
import type { Operation } from '../../sync/operations.ts';

export interface KeptMessage {
  chat: string;
  role: string;
  text: string;
  model: string; // who answered, where that is known
  when: Date;
}

const CHAT = 'chat/';

export function messageOf({ entity, value, hlc }: Operation): KeptMessage {
  const said = value !== null && typeof value === 'object' && !Array.isArray(value) ? value : { role: '', text: value, model: '' };
  return { chat: entity.slice(CHAT.length), role: String(said['role'] ?? ''), text: String(said['text'] ?? ''), model: String(said['model'] ?? ''), when: new Date(Number(hlc.slice(0, 15))) };
}
