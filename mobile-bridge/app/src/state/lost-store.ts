// Has the browser removed what it kept here? A line beside the store remembers which store there was, and what of it no node had.

export const PLACE = 'shiftbook.store';
type Kept = Pick<Storage, 'getItem' | 'setItem'>;

/** How many things were lost with the store that was here before; null where it is the same one, or the first. */
export function lostWith(born: string, kept: Kept = localStorage): number | null {
  try {
    const before = JSON.parse(kept.getItem(PLACE) ?? 'null') as { born?: unknown; unsent?: unknown } | null;
    if (typeof before?.born !== 'string' || before.born === born) return null;
    return Number.isSafeInteger(before.unsent) ? Math.max(0, before.unsent as number) : 0;
  } catch {
    return null; // somebody else's words: nothing is known
  }
}

export function rememberStore(born: string, unsent: number, kept: Kept = localStorage): void {
  const line = JSON.stringify({ born, unsent });
  if (kept.getItem(PLACE) !== line) kept.setItem(PLACE, line);
}
