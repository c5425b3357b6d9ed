// What goes back to the agent? What is wrong as a whole, then each line's comment with its place.
import type { LineComment } from './rows.ts';

export const COMMENT_ROOF = 8000;

export function rejection(whole: string, comments: readonly LineComment[]): string {
  const lines = comments.map((one) => `${one.path}:${one.line}${one.removed ? ' (removed)' : ''}: ${one.text.trim()}`);
  return [whole.trim(), lines.join('\n')].filter(Boolean).join('\n\n');
}
