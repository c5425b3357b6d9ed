// What is the model on the device given? A short role, the newest turns that fit, the question; what was left out is counted.

export interface PromptTurn {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Tokens that model and answer share, and those of the answer. */
export const CONTEXT_TOKENS = 2048;
export const ANSWER_TOKENS = 256;
/** Characters that stand for the rest: no text of people's takes a token for less than two of them, on the average. */
export const PROMPT_CHARACTERS = 3200;
const ROLE = 'You are a small language model on a phone without a network. You know nothing of the fleet. Answer in one or two short sentences.';

/** The messages, oldest first, and how many turns and characters were left out. Angle marks of a template are taken apart: a text opens no turn of its own. */
export function promptOf(turns: readonly { role: string; text: string }[], asked: string): { messages: PromptTurn[]; left: number; cut: number } {
  const question = asked.slice(0, PROMPT_CHARACTERS);
  let room = PROMPT_CHARACTERS - question.length;
  const kept: PromptTurn[] = [];
  for (const { role, text } of turns.toReversed()) {
    if ((room -= text.length) < 0) break;
    kept.unshift({ role: role === 'user' ? 'user' : 'assistant', content: plain(text) });
  }
  while (kept[0]?.role === 'assistant') kept.shift(); // an answer without its question says nothing
  const messages: PromptTurn[] = [{ role: 'system', content: ROLE }, ...kept, { role: 'user', content: plain(question) }];
  return { messages, left: turns.length - kept.length, cut: asked.length - question.length };
}

const plain = (text: string): string => text.replaceAll('<|', '< |').replaceAll('|>', '| >');
