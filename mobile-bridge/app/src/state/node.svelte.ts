// Which node answers, by which way, and how well?
import { onRequest } from '../api/client.ts';
import { setBase, setTokenProvider } from '../api/transport.ts';
import { reconnect } from '../live/live.ts';
import type { LineState } from '../live/stream.ts';

export type Way = 'here' | 'lan' | 'hq';

const BASE = 'shiftbook.node';
const TOKEN = 'shiftbook.token';

class NodeState {
  /** Its name, as it says itself; '' until it has answered. */
  name = $state('');
  address = $state(localStorage.getItem(BASE) ?? '');
  way = $state<Way>('here');
  reached = $state(true);
  milliseconds = $state(0);
  /** When a node answered last. */
  heard = $state.raw<Date | null>(null);
  line = $state<LineState>('connecting');
  /** Paired, but the browser has removed this device's key: nothing can be asked until it is paired again. */
  keyless = $state(false);
  hasToken = $state(localStorage.getItem(TOKEN) !== null);
}

export const node = new NodeState();

/** Which way an address is, as far as the address tells; discovery knows better. */
export function wayOf(address: string): Way {
  const host = address ? new URL(address).hostname : location.hostname;
  if (/^(localhost|127\.|\[::1\])/.test(host)) return 'here';
  return /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.|\.local$|^\[f[cd]/.test(host) ? 'lan' : 'hq';
}

/** Talks to another node from now on. `way` where the caller knows it. */
export function chooseNode(address: string, way: Way = wayOf(address)): void {
  if (address) localStorage.setItem(BASE, address);
  else localStorage.removeItem(BASE);
  Object.assign(node, { address, way, name: '', reached: true });
  setBase(address);
  reconnect();
}

/** Keeps a token on this device; null forgets it. */
export function keepToken(secret: string | null): void {
  if (secret) localStorage.setItem(TOKEN, secret);
  else localStorage.removeItem(TOKEN);
  node.hasToken = secret !== null;
  reconnect();
}

/** Call once, before the first request. */
export function startNode(): void {
  setBase(node.address);
  node.way = wayOf(node.address);
  setTokenProvider(() => localStorage.getItem(TOKEN));
  onRequest((reached, milliseconds) => {
    node.reached = reached;
    if (!reached) return;
    node.milliseconds = milliseconds;
    node.heard = new Date();
  });
}
