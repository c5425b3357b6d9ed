// How is Markdown read? By marked's lexer into its tokens; they are shown as nodes, so what is HTML in it stays text.
import { Lexer, type Token } from 'marked';

/** More is shown as plain text: a lexer's time grows with what it is given. */
export const MAX_CHARS = 200_000;

export function parse(text: string): Token[] | null {
  return text.length > MAX_CHARS ? null : new Lexer({ gfm: true, breaks: false }).lex(text);
}

/** The tokens inside a token, whatever kind it is. */
export function inside(token: Token): Token[] {
  return ('tokens' in token && token.tokens) || [];
}

/** Character references are written for HTML; here they are the characters. */
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };
export function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos|nbsp|#39);/g, (whole, name: string) => (name === '#39' ? "'" : (NAMED[name] ?? whole)));
}

/** A line of Markdown without its marks, for a list's titles; what is HTML in it stays as it is written. */
export function plainLine(text: string): string {
  const said = (tokens: Token[]): string => tokens.map((token) => (inside(token).length ? said(inside(token)) : 'text' in token && token.type !== 'html' ? String(token.text) : token.raw)).join('');
  return unescaped(said(Lexer.lexInline(text.slice(0, 1000))));
}
