// What was said in a conversation, and what is being answered now? It lives as long as the page, whichever screen is shown.
import { ask, getThread, type AnswerFacts, type Heard, type Message, type ToolCall, type ToolQuestion } from '../../api/chat.ts';
import { Unreachable } from '../../api/problem.ts';
import { answerHere, deviceModel } from '../../device-model/device-model.svelte.ts';
import { node } from '../../state/node.svelte.ts';
import { deviceName } from '../../state/session.svelte.ts';
import { draftBook } from './drafts.ts';
import { draftsOf, factsOf, keepHere, newConversation } from './here.ts';
import { hold } from './held.ts';
import { keptTurns } from './kept-turns.ts';
import type { HeldQuestion } from '../../store/question-table.ts';
import type { Route } from './route.ts';
import { isWhole, withCall } from './told.ts';

export interface Turn {
  seq: number;
  role: string;
  text: string;
  when: string | null;
  answer: Partial<AnswerFacts>;
}

/** An answer on its way. */
class Live {
  text = $state('');
  tools = $state.raw<ToolCall[]>([]);
  questions = $state.raw<ToolQuestion[]>([]);
  start = $state.raw<AnswerFacts | null>(null);
  place = $state(0);
  /** This device answers it. */
  here = $state(false);
  readonly stop = new AbortController();
  readonly asked: string;
  readonly key: string;

  constructor(asked: string, key: string) {
    this.asked = asked;
    this.key = key;
  }
}

/** An answer that did not come to its end. `heard`: the node has the message. */
export interface Break {
  error: Error;
  asked: string;
  key: string;
  heard: boolean;
}

export interface How {
  project: string;
  tools: boolean;
  route: Route;
}

const PAGE = 200;
const typed = draftBook('draft', localStorage);
const sent = draftBook('sent', localStorage);
const newKey = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
const turnOf = (one: Message): Turn => ({ seq: one.seq, role: one.role, text: one.content, when: one.created, answer: one.answer });

export class Talk {
  id = $state('');
  title = $state('');
  project = $state('');
  turns = $state.raw<Turn[]>([]);
  live = $state.raw<Live | null>(null);
  broken = $state.raw<Break | null>(null);
  loading = $state(false);
  error = $state.raw<Error | null>(null);
  #draft = $state('');
  #pieces = '';
  /** Counts what was asked of the node, and what was said: an answer that is older than either is not shown. */
  #loads = 0;
  #said = 0;
  /** Something came to the conversation while an answer was on its way. */
  #late = false;
  #trying = false;

  constructor(id: string) {
    this.id = id;
    this.loading = id !== '';
    this.#draft = [sent.read(id), typed.read(id)].filter(Boolean).join('\n\n');
    sent.write(id, '');
    typed.write(id, this.#draft);
  }

  get draft(): string {
    return this.#draft;
  }

  set draft(text: string) {
    this.#draft = text;
    typed.write(this.id, text);
  }

  /** Whether turns are there that are not shown yet. */
  get earlier(): boolean {
    return (this.turns[0]?.seq ?? 1) > 1;
  }

  /** Reads what the node has; what is shown stays until it is there. */
  async load(signal: AbortSignal = new AbortController().signal): Promise<void> {
    if (!this.id) return;
    if (this.live) return void (this.#late = true);
    const [mine, said] = [++this.#loads, this.#said];
    try {
      let { data } = await getThread(this.id, 0, PAGE, signal);
      if (data.turns > PAGE) data = (await getThread(this.id, data.turns - PAGE, PAGE, signal)).data;
      if (signal.aborted || mine !== this.#loads) return;
      if (said !== this.#said) return await this.load(signal);
      const turns = data.messages.map(turnOf);
      Object.assign(this, { title: data.title, project: data.project, turns: this.#isBehind(turns) ? this.turns : turns, error: null });
    } catch (error) {
      if (signal.aborted || mine !== this.#loads) return;
      this.error = error as Error;
      const kept = error instanceof Unreachable && !this.turns.length ? await keptTurns(this.id, PAGE) : [];
      if (!this.turns.length) this.turns = kept;
    } finally {
      if (!signal.aborted && mine === this.#loads) this.loading = false;
    }
  }

  /** Whether the node has not written down yet what came of an answer that was stopped here. */
  #isBehind(turns: Turn[]): boolean {
    const shown = this.turns.at(-1);
    return (shown?.answer.finish === 'cancelled' || shown?.answer.way === 'device') && (turns.at(-1)?.seq ?? 0) < shown.seq;
  }

  /** Reads the page before the first turn that is shown. */
  async loadEarlier(): Promise<void> {
    const first = this.turns[0]?.seq ?? 1;
    const after = Math.max(0, first - 1 - PAGE);
    const { data } = await getThread(this.id, after, Math.min(PAGE, first - 1), new AbortController().signal);
    const shown = this.turns[0]?.seq ?? 1; // it may have come already: the button was pressed twice
    this.turns = [...data.messages.map(turnOf).filter((one) => one.seq < shown), ...this.turns];
  }

  /** Says something and hears the answer. What was typed is on this device until the node has it; where none answers this device does, if it can and may. */
  async say(text: string, how: How, key: string = newKey()): Promise<void> {
    if (this.live || !text.trim()) return;
    const live = new Live(text, key);
    sent.write(this.id, text);
    this.draft = '';
    const error = how.route === 'device' ? await this.#askHere(live, how) : await this.#ask(live, how);
    if (!error) return;
    const waits = error instanceof Unreachable && !live.start && !live.stop.signal.aborted;
    if (waits && how.route === 'auto' && deviceModel.kept && !(await this.#askHere(live, how))) return;
    if (waits && (await hold({ key, chat: this.id, text, ...how }))) {
      sent.write(this.id, '');
      this.live = null;
    } else this.#cut(live, error);
  }

  /** Says what was held while no node answered. Promises why it was not heard, or null. */
  async sayHeld(one: HeldQuestion): Promise<Error | null> {
    const live = new Live(one.text, one.key);
    const error = await this.#ask(live, one);
    if (error && live.start) this.#cut(live, error);
    else if (error) this.live = null;
    return live.start ? null : error;
  }

  #begin(live: Live): void {
    this.#said += 1;
    Object.assign(this, { live, broken: null });
  }

  /** Promises why the answer did not come to its end, or null. */
  async #ask(live: Live, how: Omit<How, 'route'>): Promise<Error | null> {
    this.#begin(live);
    this.#pieces = '';
    const text = live.asked;
    const asked = { message: text, device_id: deviceName(), tools: how.tools, ...(this.id ? { conversation_id: this.id } : how.project ? { project: how.project } : {}) };
    try {
      for await (const heard of ask(asked, live.key, live.stop.signal)) this.#take(live, heard);
      return null;
    } catch (error) {
      return error as Error;
    }
  }

  /** The same of this device's own model. */
  async #askHere(live: Live, { project }: Pick<How, 'project'>): Promise<Error | null> {
    live.here = true;
    this.#begin(live);
    try {
      const made = await answerHere(this.turns, live.asked, (text) => (live.text = text), live.stop.signal);
      const fresh = !this.id;
      if (fresh) register(this, newConversation());
      await keepHere(draftsOf(this.id, fresh ? project : '', live.asked, made, new Date().toISOString()), live.key);
      sent.write(this.id, '');
      if (fresh) sent.write('', '');
      this.title ||= live.asked.slice(0, 80);
      this.#end(live, made.text, factsOf(made), 0);
      return null;
    } catch (error) {
      Object.assign(live, { here: false, text: '' });
      return error as Error;
    }
  }

  /** Ends the answer; what came of it stays. */
  stop(): void {
    this.live?.stop.abort();
  }

  /** Tries again after a break: first whether the node has the answer by now, and only then by asking again. */
  async again(how: How): Promise<void> {
    const { broken } = this;
    if (!broken || this.#trying) return;
    if (!broken.heard) return this.say(this.draft || broken.asked, how, this.draft && this.draft !== broken.asked ? newKey() : broken.key);
    this.#trying = true;
    await this.load().finally(() => (this.#trying = false));
    const last = this.turns.at(-1);
    if (this.error instanceof Unreachable) return;
    this.broken = null;
    if (last?.role === 'assistant' && isWhole(last.answer)) return;
    await this.say(broken.asked, how);
  }

  #take(live: Live, heard: Heard): void {
    if (heard.kind === 'start') {
      sent.write(this.id, '');
      if (!this.id) register(this, heard.data.conversation_id);
      this.project = heard.data.project;
      this.title ||= live.asked.slice(0, 80);
      live.start = heard.data;
    } else if (heard.kind === 'position') live.place = heard.data.position;
    else if (heard.kind === 'token') this.#hear(live, heard.data.text);
    else if (heard.kind === 'tool') {
      live.questions = [];
      live.tools = withCall(live.tools, heard.data);
    } else if (heard.kind === 'approval') live.questions = [...live.questions, heard.data];
    else if (heard.kind === 'done') this.#end(live, heard.data.text, { ...heard.data, way: node.way }, heard.data.seq);
  }

  /** Words are shown once a picture, however small the pieces are in which they come. */
  #hear(live: Live, piece: string): void {
    if (!this.#pieces) requestAnimationFrame(() => ((live.text += this.#pieces), (this.#pieces = '')));
    this.#pieces += piece;
  }

  #cut(live: Live, error: Error): void {
    const heard = live.start !== null;
    const text = live.text + this.#pieces;
    if (!heard) {
      sent.write(this.id, '');
      this.draft = [live.asked, this.draft].filter(Boolean).join('\n\n');
      this.live = null;
    } else this.#end(live, text, { ...live.start, tools: live.tools, finish: live.stop.signal.aborted ? 'cancelled' : 'error' }, 0);
    if (!live.stop.signal.aborted) this.broken = { error, asked: live.asked, key: live.key, heard };
  }

  #end(live: Live, text: string, answer: Partial<AnswerFacts>, seq: number): void {
    const next = seq || (this.turns.at(-1)?.seq ?? 0) + 2;
    const when = new Date().toISOString();
    this.turns = [...this.turns, { seq: next - 1, role: 'user', text: live.asked, when, answer: {} }, { seq: next, role: 'assistant', text, when, answer }];
    this.live = null;
    talks.moved += 1;
    if (seq && this.#late) void this.load(); // what the node has written down by now
    this.#late = false;
  }
}

class Talks {
  /** Counts answers that came to an end, for lists of conversations. */
  moved = $state(0);
}

export const talks = new Talks();
const known = new Map<string, Talk>();

/** The conversation of a name; '' is the one that is about to begin. */
export function talkOf(id: string): Talk {
  const found = known.get(id) ?? new Talk(id);
  known.set(id, found);
  return found;
}

function register(talk: Talk, id: string): void {
  const draft = talk.draft;
  talk.draft = '';
  known.delete('');
  talk.id = id;
  talk.draft = draft;
  known.set(id, talk);
}

export function forget(id: string): void {
  known.delete(id);
}
