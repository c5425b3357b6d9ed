// How is hostile text made harmless to the eye? What would hide, reorder or colour is shown as a mark, or taken out and counted.

/** A piece of text, or a mark that stands for a character that nobody sees. */
export type Piece = { text: string } | { mark: string; name: string };

const NAMES: Record<number, string> = {
  0x00ad: 'soft hyphen', 0x061c: 'ALM', 0x180e: 'MVS', 0x200b: 'ZWSP', 0x200c: 'ZWNJ', 0x200d: 'ZWJ', 0x200e: 'LRM', 0x200f: 'RLM',
  0x202a: 'LRE', 0x202b: 'RLE', 0x202c: 'PDF', 0x202d: 'LRO', 0x202e: 'RLO', 0x2060: 'WJ', 0x2066: 'LRI', 0x2067: 'RLI', 0x2068: 'FSI',
  0x2069: 'PDI', 0x3164: 'HF', 0xfeff: 'BOM', 0x001b: 'ESC', 0x0007: 'BEL', 0x0008: 'BS', 0x000d: 'CR', 0x007f: 'DEL', 0x2028: 'LS', 0x2029: 'PS',
};
// Control characters but tab and line feed, invisible and bidirectional ones, letters that are blank, the tag block, and
// variation selectors but the one that an emoji has: a row of them carries words that nobody sees.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e01ef}]|[\ufe0e\ufe0f]{2,}/gu;
// CSI, OSC (with its end or that of the line), and the two-letter escapes (ECMA-48).
const ANSI = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b\n]*(?:\u0007|\u001b\\)?|\u001b[PX^_][^\u001b\n]*(?:\u001b\\)?|\u001b[ -/]*[0-~]/g;

/** The text without a terminal's escape sequences. */
export function withoutAnsi(text: string): string {
  return text.includes('\u001b') ? text.replace(ANSI, '') : text;
}

/** The text in pieces; two of them are never joined into something else. */
export function visible(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    const code = found[0].codePointAt(0) ?? 0;
    if (found.index > from) pieces.push({ text: text.slice(from, found.index) });
    const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
    pieces.push({ mark: NAMES[code] ?? hex, name: NAMES[code] ? `${NAMES[code]} (${hex})` : hex });
    from = found.index + found[0].length;
  }
  if (from < text.length || !pieces.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** Whether there is anything to mark: most lines have nothing, and are shown as they are. */
export function isPlain(text: string): boolean {
  return text.search(UNSEEN) < 0;
}

/** A link that may be followed from agents' text; null for `javascript:`, `data:` and all that is no web address. */
export function safeLink(address: string): string | null {
  try {
    const url = new URL(address);
    return ['https:', 'http:', 'mailto:'].includes(url.protocol) && !url.username ? url.href : null;
  } catch {
    return null;
  }
}
