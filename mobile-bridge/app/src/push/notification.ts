// What does a push message show? Data in, data out; the service worker shows it and opens what it names.

export interface Notice {
  title: string;
  body: string;
  tag: string;
  /** Below /app/. */
  open: string;
}

const ROOF = 300;
const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, ROOF) : '');

/** The notice of a payload; what cannot be read still rings, without words that were not understood. */
export function noticeOf(payload: string): Notice {
  let said: Record<string, unknown> = {};
  try {
    const read: unknown = JSON.parse(payload);
    if (read && typeof read === 'object') said = read as Record<string, unknown>;
  } catch {
    // told below: something waits
  }
  const open = text(said['open']);
  const inside = /^\/(?!\/)[\w\-./~%?=&]*$/.test(open) ? open : '/';
  return { title: text(said['title']) || 'Shiftbook', body: text(said['body']) || 'Something waits for you.', tag: text(said['tag']) || 'shiftbook', open: inside };
}
