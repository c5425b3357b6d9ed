// What was written about a result and not sent yet? Kept on this device, bound to that very result: another one has other lines.
import type { LineComment } from './rows.ts';

const KEY = 'shiftbook.review.';

/** What a person has written so far: about lines, and about the whole. */
export interface Said {
  comments: LineComment[];
  whole: string;
}
const nothing = (): Said => ({ comments: [], whole: '' });
type Kept = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const isComment = (one: unknown): one is LineComment => {
  const { path, line, removed, text } = (one ?? {}) as Partial<LineComment>;
  return typeof path === 'string' && typeof line === 'number' && typeof removed === 'boolean' && typeof text === 'string';
};

export function read(mission: string, digest: string, kept: Kept = localStorage): Said {
  try {
    const found = JSON.parse(kept.getItem(KEY + mission) ?? 'null') as (Partial<Said> & { digest?: string }) | null;
    if (found?.digest !== digest) return nothing();
    return { comments: Array.isArray(found.comments) ? found.comments.filter(isComment) : [], whole: typeof found.whole === 'string' ? found.whole : '' };
  } catch {
    return nothing(); // somebody else's words
  }
}

export function write(mission: string, digest: string, { comments, whole }: Said, kept: Kept = localStorage): void {
  try {
    if (comments.length || whole) kept.setItem(KEY + mission, JSON.stringify({ digest, comments, whole }));
    else kept.removeItem(KEY + mission);
  } catch { /* a full browser: it lives as long as the screen does */ }
}
