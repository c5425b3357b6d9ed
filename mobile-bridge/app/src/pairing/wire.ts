// How do bytes stand in texts and in what is hashed? The same as in mobile_bridge/wire_encoding.py.

export type Bytes = Uint8Array<ArrayBuffer>;

const text = new TextEncoder();

export const utf8 = (words: string): Bytes => text.encode(words);

export function concat(...parts: Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A number in so many bytes, the highest first. */
export function bigEndian(number: number, size: number): Bytes {
  const bytes = new Uint8Array(size);
  for (let at = size - 1, left = number; at >= 0; at--, left = Math.floor(left / 256)) bytes[at] = left % 256;
  return bytes;
}

/** URL-safe base64 without padding. */
export function encode64(bytes: Bytes): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** What `encode64` was given. Throws for anything else, and for another length in bytes. */
export function decode64(words: string, length: number | null = null): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(words)) throw new Error('this is no base64');
  const bytes = Uint8Array.from(atob(words.replaceAll('-', '+').replaceAll('_', '/')), (each) => each.charCodeAt(0));
  if (encode64(bytes) !== words || (length !== null && bytes.length !== length)) throw new Error('this is no base64 of ours');
  return bytes;
}

/** Parts, each behind its length in four bytes: no two lists of parts give the same bytes. */
export function joinParts(...parts: (Bytes | string)[]): Bytes {
  return concat(...parts.flatMap((part) => {
    const bytes = typeof part === 'string' ? utf8(part) : part;
    return [bigEndian(bytes.length, 4), bytes];
  }));
}

export const sha256 = async (bytes: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

export const same = (one: Bytes, other: Bytes): boolean => one.length === other.length && one.every((byte, at) => byte === other[at]);
