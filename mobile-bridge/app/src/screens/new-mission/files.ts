// Which files go beside the mission, not into its text? Pictures, PDF and texts that are too long for it, within the node's bounds.

export interface GivenFile {
  name: string;
  content: string; // base64
  size: number;
}

export const MAX_FILES = 8;
export const MAX_FILE_BYTES = 2 * 1024 ** 2;
export const MAX_ALL_BYTES = 4 * 1024 ** 2;
/** Bytes up to which a text goes into the mission's own text. */
export const TEXT_ROOF = 16_000;

/** Why one more file of this size cannot come: too many, too large, or too large together; '' where it can. */
export function refusal(files: readonly GivenFile[], size: number): '' | 'many' | 'large' | 'all' {
  if (size > MAX_FILE_BYTES) return 'large';
  if (files.length >= MAX_FILES) return 'many';
  return files.reduce((sum, file) => sum + file.size, size) > MAX_ALL_BYTES ? 'all' : '';
}

/** With the file; one of the same name is another one, under a number. */
export function withFile(files: readonly GivenFile[], file: GivenFile): GivenFile[] {
  const taken = new Set(files.map(({ name }) => name.toLowerCase()));
  const dot = file.name.lastIndexOf('.');
  const [stem, ending] = dot > 0 ? [file.name.slice(0, dot), file.name.slice(dot)] : [file.name, ''];
  let name = file.name;
  for (let n = 2; taken.has(name.toLowerCase()); n += 1) name = `${stem}-${n}${ending}`;
  return [...files, { ...file, name }];
}

const BLOCK = 0x8000;

export function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += BLOCK) text += String.fromCharCode(...bytes.subarray(at, at + BLOCK));
  return btoa(text);
}
