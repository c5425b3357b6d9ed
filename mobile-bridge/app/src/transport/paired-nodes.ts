// With which nodes is this device paired? A list in this browser; it holds no secret, only addresses and pinned keys.
import type { PairedNode } from '../pairing/pair.ts';
import { isNear } from './local-network.ts';
import type { Candidate } from './reach.ts';

const PLACE = 'shiftbook.paired';
/** Where it is kept which address answered last; tabs hear of a change. */
export const LAST = 'shiftbook.reached';
const MAX_URLS = 12;
const MAX_PASSED_ON = 4;

function isNode(one: unknown): one is PairedNode {
  const node = one as PairedNode;
  return typeof node?.node === 'string' && typeof node.key === 'string' && typeof node.device === 'string' && Array.isArray(node.urls);
}

export function pairedNodes(): PairedNode[] {
  try {
    const said: unknown = JSON.parse(localStorage.getItem(PLACE) ?? '[]');
    return Array.isArray(said) ? said.filter(isNode) : [];
  } catch {
    return [];
  }
}

/** Keeps a node; one with the same key is replaced. `url` is where it answered. */
export function keepNode(node: PairedNode, url: string): void {
  const urls = [...new Set([...node.urls, url])];
  const others = pairedNodes().filter((one) => one.key !== node.key);
  localStorage.setItem(PLACE, JSON.stringify([...others, { ...node, urls }]));
}

/** The addresses of a node once somebody named some: its own word goes first, another's behind what is known, and pushes none of it out. */
export function mergeUrls(known: string[], said: string[], own: boolean): string[] {
  const good = said.filter((url) => /^https?:\/\/[^/\s]+$/.test(url));
  return [...new Set(own ? [...good, ...known] : [...known, ...good.slice(0, MAX_PASSED_ON)])].slice(0, MAX_URLS);
}

/** Keeps where a paired node is, as it says itself (`own`) or as another one passes on. */
export function renewAddresses(key: string, urls: string[], own: boolean): void {
  const nodes = pairedNodes().map((one) => (one.key === key ? { ...one, urls: mergeUrls(one.urls, urls, own) } : one));
  localStorage.setItem(PLACE, JSON.stringify(nodes));
}

export function forgetNode(key: string): void {
  localStorage.setItem(PLACE, JSON.stringify(pairedNodes().filter((one) => one.key !== key)));
}

/** Every address of every paired node. Without `near` those of the local network are left out: they may not be called yet. */
export function candidates(near: boolean): Candidate[] {
  const every = pairedNodes().flatMap(({ node, urls }) => urls.map((url) => ({ node, url, near: isNear(url) })));
  const secure = location.protocol === 'https:';
  return every.filter((one) => near || !one.near || (secure && one.url === location.origin));
}

export const remembered = (): string | null => localStorage.getItem(LAST);
export const remember = (url: string): void => localStorage.setItem(LAST, url);
