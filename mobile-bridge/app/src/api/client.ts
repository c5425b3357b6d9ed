// How does the page ask a node? `get` and `send`: typed, abortable, conditional, with the last answer where no node answers.
import { memoryStore, type AnswerStore } from './answers.ts';
import { Problem, Unreachable, problemOf } from './problem.ts';
import { send as carry } from './transport.ts';

export type Query = Record<string, string | number | boolean | null | undefined>;

/** What was asked for, and where it comes from: a node just now, or what this browser kept of its last answer. */
export interface Answer<T> {
  data: T;
  from: 'node' | 'store';
  when: Date;
}

/** What the rest of the page learns of each request: whether a node answered, and after how many milliseconds. */
export type Listener = (reached: boolean, milliseconds: number) => void;

let answers: AnswerStore = memoryStore();
const listeners = new Set<Listener>();
/** When the newest question began that was answered: an older one that fails after that says nothing of now. */
let newest = -1;

/** Where answers are kept for times without a node; the offline store sets its own here. `heir`: it keeps what was answered before it was there, too. */
export function setAnswerStore(store: AnswerStore, { heir = false } = {}): void {
  const before = heir ? (answers.all?.() ?? []) : [];
  answers = store;
  for (const [path, answer] of before) void store.write(path, answer);
}

export function onRequest(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function pathOf(path: string, query: Query = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '' && value !== false) asked.set(name, value === true ? '1' : String(value));
  }
  const text = asked.toString();
  return text ? `${path}?${text}` : path;
}

async function request(method: string, path: string, headers: Record<string, string>, body: string | null, signal: AbortSignal | null): Promise<Response> {
  const began = performance.now();
  try {
    const answer = await carry({ method, path, headers: { Accept: 'application/json', ...headers }, body, signal });
    newest = Math.max(newest, began);
    for (const each of listeners) each(true, performance.now() - began);
    return answer;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (began > newest) for (const each of listeners) each(false, performance.now() - began);
    throw new Unreachable(error instanceof Error ? error.message : String(error));
  }
}

/** Reads a resource; with `keep` false what is good for this moment only is not stored. Throws Problem where the node refuses, Unreachable where nobody answers and nothing is kept. */
export async function get<T>(path: string, query: Query = {}, signal: AbortSignal | null = null, keep = true): Promise<Answer<T>> {
  const whole = pathOf(path, query);
  const kept = keep ? await answers.read(whole) : null;
  try {
    const answer = await request('GET', whole, kept?.etag ? { 'If-None-Match': kept.etag } : {}, null, signal);
    if (answer.status === 304 && kept) return { data: kept.data as T, from: 'node', when: new Date() };
    if (!answer.ok) throw await problemOf(answer);
    const data = (await answer.json()) as T;
    if (keep) await answers.write(whole, { data, etag: answer.headers.get('ETag'), when: new Date() });
    return { data, from: 'node', when: new Date() };
  } catch (error) {
    if (error instanceof Unreachable && kept) return { data: kept.data as T, from: 'store', when: kept.when };
    throw error;
  }
}

/** Changes something. `key` makes a repetition harmless (Idempotency-Key). Throws Problem or Unreachable; nothing is tried twice. */
export async function send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body: unknown = null, options: { signal?: AbortSignal; key?: string } = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== null) headers['Content-Type'] = 'application/json';
  if (options.key) headers['Idempotency-Key'] = options.key;
  const answer = await request(method, path, headers, body === null ? null : JSON.stringify(body), options.signal ?? null);
  if (!answer.ok) throw await problemOf(answer);
  const text = await answer.text();
  return (text ? JSON.parse(text) : null) as T;
}

/** A response whose body is read as it comes (events, chat). Throws Problem or Unreachable. */
export async function stream(path: string, options: { method?: string; body?: unknown; headers?: Record<string, string>; signal: AbortSignal }): Promise<ReadableStream<Uint8Array>> {
  const headers = { Accept: 'text/event-stream', ...options.headers, ...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }) };
  const answer = await request(options.method ?? 'GET', path, headers, options.body === undefined ? null : JSON.stringify(options.body), options.signal);
  if (!answer.ok || !answer.body) throw answer.ok ? new Problem(502, 'Bad Gateway', 'the stream has no body') : await problemOf(answer);
  return answer.body;
}
