// What does the page ask about chats, and how does it hear an answer while it is made?
import { EventParser } from '../live/parser.ts';
import { get, send, stream, type Answer } from './client.ts';
import type { Listed } from './documents.ts';
import { Problem, Unreachable } from './problem.ts';
import type { Way } from '../state/node.svelte.ts';

export interface Conversation {
  id: string;
  project: string;
  device: string;
  title: string;
  created: string;
  updated: string;
  turns: number;
}

export interface ToolCall {
  tool: string;
  arguments: Record<string, unknown>;
  state?: string; // running, done, failed: of what is heard
  ok?: boolean; // of what is kept
  result?: string;
  seconds?: number;
}

export interface ToolQuestion {
  id: string;
  act: string;
  arguments: Record<string, unknown>;
  conversation?: string;
}

export interface TierUsed {
  name: string;
  path: string;
  commit: string;
  tokens: number;
}

/** An answer as every surface tells it, without its text; what is known before the first word is a part of it. */
export interface AnswerFacts {
  conversation_id: string;
  node: string;
  /** By which way it came, where this page heard it come; `device`: nobody else was asked. */
  way?: Way | 'device';
  model: string;
  backend: string;
  project: string;
  finish?: string;
  good_for: string;
  advice: string;
  notes: string[];
  tiers: TierUsed[];
  cut: unknown[];
  tools?: ToolCall[];
  journal?: string;
  error?: string;
  grounding?: { sentences?: number; supported?: number; citations?: string[]; unsupported?: string[] };
  usage?: { tokens_in: number; tokens_out: number; tokens_cached: number; first_token_seconds: number | null };
}

export interface Message {
  seq: number;
  role: string;
  content: string;
  device: string;
  created: string | null;
  answer: Partial<AnswerFacts>;
}

export interface Thread extends Conversation {
  messages: Message[];
}

export interface Asked {
  message: string;
  device_id: string;
  conversation_id?: string;
  project?: string;
  tools?: boolean;
}

export type Heard =
  | { kind: 'start'; data: AnswerFacts }
  | { kind: 'position'; data: { position: number } }
  | { kind: 'token'; data: { text: string } }
  | { kind: 'tool'; data: ToolCall }
  | { kind: 'approval'; data: ToolQuestion }
  | { kind: 'usage'; data: unknown }
  | { kind: 'done'; data: AnswerFacts & { text: string; seq: number } };

const place = (id: string): string => `/chat/conversations/${encodeURIComponent(id)}`;

export async function listConversations(before: string, signal: AbortSignal): Promise<Answer<Listed<Conversation>>> {
  const answer = await get<{ conversations: Conversation[]; next: string }>('/chat/conversations', { before, limit: 40 }, signal);
  return { ...answer, data: { items: answer.data.conversations, next: answer.data.next || null } };
}

export const getThread = (id: string, after: number, limit: number, signal: AbortSignal): Promise<Answer<Thread>> => get(place(id), { after, limit }, signal);
export const deleteThread = (id: string): Promise<null> => send('DELETE', place(id));
export const listQuestions = (signal: AbortSignal): Promise<Answer<{ approvals: ToolQuestion[] }>> => get('/chat/approvals', {}, signal);
export const decideQuestion = (id: string, allow: boolean): Promise<ToolQuestion> => send('POST', `/chat/approvals/${encodeURIComponent(id)}`, { allow });
export const missionOf = (id: string, key: string): Promise<{ name: string }> => send('POST', `/api/v1/conversations/${encodeURIComponent(id)}/mission`, {}, { key });

/** Asks, and yields what is heard. Throws Problem where the node refuses, early or late, and Unreachable where the line ends without an end. */
export async function* ask(asked: Asked, key: string, signal: AbortSignal): AsyncGenerator<Heard> {
  const body = await stream('/chat/stream', { method: 'POST', body: asked, headers: { 'Idempotency-Key': key }, signal });
  const reader = body.getReader();
  const parser = new EventParser();
  const words = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Unreachable('the line ended in the middle of an answer');
      for (const event of parser.push(words.decode(value, { stream: true }))) {
        const heard = { kind: event.kind, data: JSON.parse(event.data) as unknown };
        if (heard.kind === 'error') throw problemIn(heard.data as Record<string, unknown>);
        yield heard as Heard;
        if (heard.kind === 'done') return;
      }
    }
  } catch (error) {
    throw error instanceof Problem || error instanceof Unreachable || signal.aborted ? error : new Unreachable(String(error));
  } finally {
    reader.cancel().catch(() => undefined); // it is cut already, or ends with this
  }
}

function problemIn(told: Record<string, unknown>): Problem {
  return new Problem(Number(told['status'] ?? 500), String(told['title'] ?? ''), String(told['detail'] ?? ''));
}
