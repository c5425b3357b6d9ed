// How does a field, or a file, come into a mission's text?
import type { FieldHelp } from '../../api/types.ts';

const BLOCK = /^---\r?\n([\s\S]*?)(?:\r?\n)?---(?:\r?\n|$)/;

/** The names that stand in the text's front matter. */
export function fieldsIn(text: string): Set<string> {
  const matter = BLOCK.exec(text)?.[1] ?? '';
  return new Set([...matter.matchAll(/^([A-Za-z_][\w-]*)\s*:/gm)].map((found) => found[1] ?? ''));
}

function start(field: FieldHelp): string {
  if (field.values?.length) return field.values[0] ?? '';
  if (Array.isArray(field.default)) return '[]';
  return field.default === null || field.default === undefined ? '' : JSON.stringify(field.default);
}

/** The text with the field's line in its front matter, which is made if there is none; a field is put in once. */
export function withField(text: string, field: FieldHelp): string {
  if (fieldsIn(text).has(field.name)) return text;
  const line = `${field.name}: ${start(field)}`.trimEnd();
  const found = BLOCK.exec(text);
  if (!found) return `---\n${line}\n---\n${text}`;
  const matter = found[1] ? `${found[1]}\n` : '';
  return `---\n${matter}${line}\n---\n${text.slice(found[0].length)}`;
}

/** The text with a file's content at its end, fenced longer than any fence in it. */
export function withAttachment(text: string, name: string, content: string): string {
  const longest = Math.max(2, ...[...content.matchAll(/`+/g)].map((found) => found[0].length));
  const fence = '`'.repeat(longest + 1);
  const label = name.replace(/[\r\n`]/g, '');
  return `${text.trimEnd()}\n\n**${label}**\n\n${fence}\n${content.trimEnd()}\n${fence}\n`;
}
