// Which parts has a mission's file? Front matter, a person's words, and what nodes wrote below their line.

export interface FileParts {
  matter: string;
  body: string;
  result: string;
}

const NODES_LINE = '<!-- shiftbook: nodes write below this line -->';

/** A memo's words, without the front matter that machines read. */
export function memoOf(text: string): string {
  return text.replace(/^---\r?\n[\s\S]*?\r?\n---\r?\n?/, '').trim();
}

export function partsOf(text: string): FileParts {
  const found = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?/.exec(text);
  const rest = found ? text.slice(found[0].length) : text;
  const at = rest.indexOf(NODES_LINE);
  const body = at < 0 ? rest : rest.slice(0, at);
  const result = at < 0 ? '' : rest.slice(at + NODES_LINE.length);
  return { matter: found?.[1] ?? '', body: body.trim(), result: result.replace(/^\s*## Result\s*/, '').trim() };
}
