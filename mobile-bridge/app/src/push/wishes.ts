// Which notifications does a device want, and how do keys and hours stand on the wire? Data in, data out.

export interface PushWishes {
  kinds: string[];
  quiet: string;
  timezone: string;
}

/** What may be said of this browser before anything is asked of it. */
export type PushState = 'unsupported' | 'insecure' | 'denied' | 'off' | 'on' | 'renew';

/** What waits for a person comes first in Settings, and is rung for where nobody has chosen. */
export const WAITING_KINDS = ['review', 'budget', 'parked', 'dead', 'unserved'];

const HOURS = /^([01]\d|2[0-3]):[0-5]\d$/;

/** `22:00-07:00`; empty where one of them is missing, or they are the same. */
export function quietText(from: string, to: string): string {
  return HOURS.test(from) && HOURS.test(to) && from !== to ? `${from}-${to}` : '';
}

export function quietParts(text: string): [string, string] {
  const [from = '', to = ''] = text.split('-').map((part) => part.trim().padStart(5, '0'));
  return HOURS.test(from) && HOURS.test(to) ? [from, to] : ['', ''];
}

/** The key as `pushManager.subscribe` takes it. */
export function keyBytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  const bytes = new Uint8Array(plain.length);
  for (let at = 0; at < plain.length; at++) bytes[at] = plain.charCodeAt(at);
  return bytes;
}

export function keyText(bytes: ArrayBuffer | null): string {
  if (!bytes) return '';
  const plain = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
