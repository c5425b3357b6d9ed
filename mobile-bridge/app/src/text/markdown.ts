// What does a Markdown text hold? Blocks and spans as data: nothing of it ever becomes HTML, and an address only if it is safe.
import { safeLink } from './visible.ts';

export type Span = { kind: 'text' | 'code' | 'strong' | 'em'; text: string } | { kind: 'link'; text: string; href: string };

export type Block =
  | { kind: 'heading'; level: number; spans: Span[] }
  | { kind: 'paragraph'; spans: Span[] }
  | { kind: 'quote'; spans: Span[] }
  | { kind: 'list'; ordered: boolean; items: { depth: number; spans: Span[]; done: boolean | null }[] }
  | { kind: 'code'; language: string; text: string }
  | { kind: 'rule' };

const SPAN = /(`+)(.+?)\1(?!`)|\*\*(\S(?:.{0,1000}?\S)?)\*\*|(?<![\w*])[*_](\S(?:[^*_]*\S)?)[*_](?![\w*])|\[([^\]]{1,300})\]\(([^()\s]{1,2000})\)|(https?:\/\/[^\s<>()\[\]"'`]+[^\s<>()\[\]"'`.,;:!?])/g;

/** The spans of a line. What looks like a link and is not safe stays the text that it is. */
export function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  let from = 0;
  const plain = (to: number): void => {
    if (to > from) spans.push({ kind: 'text', text: text.slice(from, to) });
  };
  for (const found of text.matchAll(SPAN)) {
    const span = spanOf(found);
    if (!span) continue;
    plain(found.index);
    spans.push(span);
    from = found.index + found[0].length;
  }
  plain(text.length);
  return spans;
}

function spanOf([whole, , code, strong, em, label, address, bare]: RegExpExecArray): Span | null {
  if (code !== undefined) return { kind: 'code', text: code.trim() || code };
  if (strong !== undefined) return { kind: 'strong', text: strong };
  if (em !== undefined) return { kind: 'em', text: em };
  const href = safeLink(address ?? bare ?? '');
  return href ? { kind: 'link', text: label ?? whole, href } : null;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^(\s*)(?:([-*+])|(\d{1,9})[.)])\s+(?:\[([ xX])\]\s+)?(.*)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;

/** The blocks of a text, in its order. Every line of it is in one of them. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split(/\r?\n/);
  let loose: string[] = [];
  const close = (): void => {
    if (loose.length) blocks.push({ kind: 'paragraph', spans: spansOf(loose.join(' ')) });
    loose = [];
  };
  for (let n = 0; n < lines.length; n++) {
    const line = lines[n] ?? '';
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    if (fence) {
      close();
      const end = lines.findIndex((each, at) => at > n && each.trim().startsWith(fence[1] ?? '```') && !each.trim().replace(/[`~]/g, ''));
      const last = end < 0 ? lines.length : end;
      blocks.push({ kind: 'code', language: fence[2] ?? '', text: lines.slice(n + 1, last).join('\n') });
      n = last;
    } else if (heading) {
      close();
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, spans: spansOf(heading[2] ?? '') });
    } else if (RULE.test(line)) {
      close();
      blocks.push({ kind: 'rule' });
    } else if (ITEM.test(line)) {
      close();
      n = takeList(lines, n, blocks);
    } else if (line.startsWith('>')) {
      close();
      blocks.push({ kind: 'quote', spans: spansOf(line.replace(/^>\s?/, '')) });
    } else if (line.trim()) loose.push(line.trim());
    else close();
  }
  close();
  return blocks;
}

/** Takes the items from a line on; answers the last line that belongs to them. */
function takeList(lines: readonly string[], from: number, blocks: Block[]): number {
  const items: { depth: number; text: string; done: boolean | null }[] = [];
  let n = from;
  for (; n < lines.length; n++) {
    const line = lines[n] ?? '';
    const found = ITEM.exec(line);
    const last = items.at(-1);
    if (found) items.push({ depth: Math.min(4, (found[1]?.replaceAll('\t', '  ').length ?? 0) >> 1), text: found[5] ?? '', done: found[4] === undefined ? null : found[4] !== ' ' });
    else if (last && /^\s{2,}\S/.test(line)) last.text += ` ${line.trim()}`;
    else break;
  }
  const spoken = items.map(({ depth, text, done }) => ({ depth, done, spans: spansOf(text) }));
  blocks.push({ kind: 'list', ordered: ITEM.exec(lines[from] ?? '')?.[3] !== undefined, items: spoken });
  return n - 1;
}
