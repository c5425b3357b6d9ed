// How is an answer told of, and on what does it rest? Pure: facts in, words out.
import type { AnswerFacts, ToolCall } from '../../api/chat.ts';
import type { Citation } from '../../api/documents.ts';
import { t } from '../../texts/screens.ts';

/** Places as the node names them: `entry ID` is an entry of the log, all else a line of a document. */
export function citations(places: readonly string[]): { entries: Citation[]; lines: string[] } {
  const entries = places.filter((place) => place.startsWith('entry ')).map((place) => ({ entry: place.slice(6), path: 'log', line: null }));
  return { entries, lines: places.filter((place) => !place.startsWith('entry ')) };
}

const short = (text: string, roof: number): string => (text.length > roof ? `${text.slice(0, roof - 1)}…` : text);

/** How much of an answer the handoff bears out, and the beginnings of what it does not. */
export function groundingSays({ sentences = 0, supported = 0, unsupported = [] }: NonNullable<AnswerFacts['grounding']>): string {
  const rest = unsupported.map((line) => `“${short(line.replace(/\s+/g, ' '), 60)}”`).join(' ');
  return [t.chat.supported(supported, sentences), rest && `${t.chat.unsupported}: ${rest}`].filter(Boolean).join(' · ');
}

/** The arguments of a call in one line, the short ones first: a record does not keep the order in which a model names them. */
export function argumentsLine(call: Pick<ToolCall, 'arguments'>): string {
  const said = Object.values(call.arguments).filter((value) => ['string', 'number', 'boolean'].includes(typeof value)).map(String);
  return short(said.sort((one, other) => one.length - other.length).join(' ').replace(/\s+/g, ' '), 80);
}

export type ToolState = 'running' | 'done' | 'failed';

export function toolState(call: ToolCall): ToolState {
  if (call.state === 'running' || call.state === 'failed') return call.state;
  return call.ok === false ? 'failed' : 'done';
}

/** A call that came to its end takes the place of the one that was under way. */
export function withCall(calls: readonly ToolCall[], call: ToolCall): ToolCall[] {
  const at = calls.findLastIndex((one) => one.state === 'running' && one.tool === call.tool);
  return at < 0 || call.state === 'running' ? [...calls, call] : calls.with(at, call);
}

/** Whether there is a whole answer, as far as the node's record says. */
export const isWhole = (answer: Partial<AnswerFacts>): boolean => !['cancelled', 'error'].includes(answer.finish ?? '');
