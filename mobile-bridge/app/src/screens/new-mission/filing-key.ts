// Under which key is a draft filed? One for the same words and files until they are filed, also where the answer was lost and the page loaded anew.
import { newKey } from '../../api/intents.ts';
import type { GivenFile } from './files.ts';

const KEY = 'shiftbook.draft.key';
const [BASIS, PRIME] = [0x811c9dc5, 0x01000193];

/** FNV-1a in 32 bits over UTF-16 units: two drafts that it takes for one are told so by the node, which compares them whole. */
function fnv1a(text: string): number {
  let hash = BASIS;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), PRIME);
  return hash >>> 0;
}

export interface FilingKeys {
  of(text: string, name: string, files: readonly GivenFile[]): string;
  /** It was filed: the same words are another mission from now on. */
  renew(): void;
}

export function filingKeys(storage: Pick<Storage, 'getItem' | 'setItem'>): FilingKeys {
  let own = storage.getItem(KEY) ?? '';
  function renew(): void {
    own = newKey();
    try {
      storage.setItem(KEY, own);
    } catch {
      // a full browser: it lives as long as the page does
    }
  }
  if (!own) renew();
  return {
    renew,
    of(text, name, files) {
      const said = JSON.stringify([text, name, ...files.map((file) => [file.name, file.content])]);
      return `${own}-${said.length.toString(36)}-${fnv1a(said).toString(36)}`;
    },
  };
}
