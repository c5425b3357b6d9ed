// Which items of a tier say what is looked for? A heading stays where something below it does.
import type { HandoffItem } from '../../api/documents.ts';

export function matching(items: readonly HandoffItem[], words: string): HandoffItem[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return [...items];
  const found = items.filter((item) => !item.heading && wanted.every((word) => item.text.toLowerCase().includes(word)));
  const sections = new Set(found.map((item) => item.section));
  return items.filter((item) => found.includes(item) || (item.heading && sections.has(item.section)));
}
