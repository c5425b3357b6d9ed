// Over which line does the page speak now? One sealed line to a paired node; lost, another is found; the nearest comes back.
import { Problem } from '../api/problem.ts';
import { setTransport, type Outgoing } from '../api/transport.ts';
import { reconnect } from '../live/live.ts';
import { fingerprintOf } from '../pairing/claim.ts';
import { readKey, type DeviceKey } from '../pairing/device-key.ts';
import { decode64 } from '../pairing/wire.ts';
import { node, wayOf } from '../state/node.svelte.ts';
import { ChangedKey } from './channel.ts';
import { isNear, localNetwork, type LocalNetwork } from './local-network.ts';
import { answers, watchLine } from './line-watch.ts';
import { candidates, LAST, pairedNodes, remember, remembered, renewAddresses } from './paired-nodes.ts';
import { AFTER_LOSS_MS, HEAD_START_MS, ordered, reach, type Candidate, type Reached } from './reach.ts';
import { SealedLine } from './sealed.ts';

/** Milliseconds between two looks at whether a near node is back. */
const LOOK_AGAIN_MS = 5_000;

export type Why = '' | 'near' | 'far' | 'only' | 'ungranted' | 'denied';

class Lines {
  current = $state.raw<Reached<SealedLine> | null>(null);
  /** Why this node and no other, for a person. */
  why = $state<Why>('');
  network = $state<LocalNetwork>('free');
  /** The node that answers is not the one that was paired. */
  changed = $state(false);
  paired = $state.raw(pairedNodes());
}

export const lines = new Lines();
/** The only way that a person wants; null: any. */
let wished: 'lan' | 'hq' | null = null;
let key: Promise<DeviceKey | null> | null = null;
let finding: Promise<SealedLine> | null = null;
/** Ends what is under way on the line of now, once it counts as lost. */
let gone = new AbortController();
let stopWatching = new AbortController();

const suits = ({ near }: Candidate): boolean => !wished || near === (wished === 'lan');
const mayCallNear = (): boolean => lines.network === 'granted' || lines.network === 'free';

async function lookAtPermission(): Promise<void> {
  lines.network = isNear(location.origin) ? 'free' : await localNetwork();
}

async function knock(candidate: Candidate, signal: AbortSignal): Promise<SealedLine> {
  const own = pairedNodes().find((one) => one.node === candidate.node && one.urls.includes(candidate.url));
  const held = await key;
  if (!own || !held) throw new TypeError('this browser has lost its key: pair this device again');
  const line = new SealedLine(own, candidate.url, held);
  await line.hello(signal);
  return line;
}

function take(found: Reached<SealedLine>): SealedLine {
  const moved = lines.current?.candidate.url !== found.candidate.url;
  stopWatching.abort(); // what is under way on a line that was not lost ends by itself
  stopWatching = new AbortController();
  gone = new AbortController();
  lines.current = found;
  lines.changed = false;
  const near = candidates(true).some((one) => one.near);
  lines.why = found.candidate.near ? 'near' : !near ? 'only' : mayCallNear() ? 'far' : lines.network === 'denied' ? 'denied' : 'ungranted';
  remember(found.candidate.url);
  Object.assign(node, { address: found.candidate.url, way: wayOf(found.candidate.url) });
  if (found.candidate.near && candidates(true).length > 1) watchLine(sign(found.candidate), () => lost(found.line), stopWatching.signal, () => document.hidden);
  if (moved) {
    reconnect();
    void learnAddresses(found.line);
  }
  return found.line;
}

/** A sign of life of whoever is at an address; what it says does not matter. */
const sign = ({ url }: Candidate) => (signal: AbortSignal): Promise<Response> => fetch(`${url}/health`, { mode: 'no-cors', credentials: 'omit', cache: 'no-store', signal });

/** Asks the node where it is now, and where its fleet's others are. What is said counts for a key that this device has pinned, for no other. */
async function learnAddresses(line: SealedLine): Promise<void> {
  try {
    const answer = await line.send({ method: 'GET', path: '/api/v1/candidates', headers: {}, body: null, signal: null });
    const said = answer.ok ? ((await answer.json()) as { items: { fingerprint: string; urls: string[] }[] }) : { items: [] };
    for (const { key } of pairedNodes()) {
      const fingerprint = await fingerprintOf(decode64(key, 65));
      const found = said.items.find((one) => one.fingerprint === fingerprint);
      if (found) renewAddresses(key, found.urls, key === line.node.key);
    }
  } catch { /* the old addresses stay */ }
}

async function find(): Promise<SealedLine> {
  await lookAtPermission();
  const never = new AbortController().signal;
  const headStart = gone.signal.aborted ? AFTER_LOSS_MS : HEAD_START_MS;
  try {
    return take(await reach(ordered(candidates(mayCallNear()).filter(suits), remembered()), knock, never, headStart));
  } catch (error) {
    lines.changed = error instanceof ChangedKey;
    if (error instanceof ChangedKey) throw new Problem(495, 'Another key', '');
    throw error;
  }
}

function line(): Promise<SealedLine> {
  if (lines.current) return Promise.resolve(lines.current.line);
  finding ??= find().finally(() => (finding = null));
  return finding;
}

function lose(line: SealedLine): void {
  if (lines.current?.line !== line) return;
  lines.current = null;
  stopWatching.abort();
  gone.abort(new TypeError('the node is gone'));
}

/** The node went: what waits for its answer ends, and another is looked for at once, before anybody asks. */
function lost(silent: SealedLine): void {
  lose(silent);
  void line().catch(() => undefined); // whoever asks next is told
}

/** Goes by one way only from now on (null: by any), and leaves a line that is not of it. */
export function wishWay(way: 'lan' | 'hq' | null): void {
  wished = way;
  const now = lines.current;
  if (now && !suits(now.candidate)) lost(now.line);
  if (now && !way) void lookNear();
}

async function carry(request: Outgoing): Promise<Response> {
  const first = await line();
  try {
    return await over(first, request);
  } catch (error) {
    if (request.signal?.aborted || !(error instanceof TypeError)) throw error;
    lose(first);
    const next = await line(); // at once, so that the next order finds it
    if (request.method !== 'GET') throw error; // whether an order was carried out is not known: it is not sent twice
    return over(next, request);
  }
}

/** Sends it; rejects with TypeError as soon as the line counts as lost, answers that are being read included. */
function over(line: SealedLine, request: Outgoing): Promise<Response> {
  const both = request.signal ? AbortSignal.any([request.signal, gone.signal]) : gone.signal;
  return line.send({ ...request, signal: both });
}

/** Looks whether a near node is back, and goes over to it. */
async function lookNear(): Promise<void> {
  await lookAtPermission();
  const now = lines.current;
  if (document.hidden || now?.candidate.near || !mayCallNear() || wished === 'hq') return;
  const near = candidates(true).filter((one) => one.near);
  if (!near.length) return;
  try {
    take(await reach(ordered(near, remembered()), knock, new AbortController().signal));
  } catch { /* not back yet: the far one goes on */ }
}

/** Asks the browser, and by it the person, for the local network; call it from a button, and wait as long as they take. */
export async function askForLocalNetwork(): Promise<void> {
  const near = candidates(true).filter((one) => one.near);
  await Promise.allSettled(near.slice(0, 1).map((one) => fetch(`${one.url}/health`, { mode: 'no-cors', credentials: 'omit', cache: 'no-store' })));
  await lookNear();
}

/** Speaks sealed from now on, if this device is paired with any node. Call it at the start and after a pairing. */
export function startLines(): void {
  lines.paired = pairedNodes();
  lines.current = null;
  stopWatching.abort();
  const paired = lines.paired.length > 0;
  key = paired ? readKey() : null;
  node.keyless = false;
  void key?.catch(() => null).then((held) => (node.keyless = held === null));
  setTransport(paired ? carry : null); // at once: nothing of a paired device's goes out in clear while its key is fetched
}

/** Another tab speaks over another line now: is this one's still there? */
async function doubt(): Promise<void> {
  const now = lines.current;
  if (!now || now.candidate.url === remembered()) return;
  if (!(await answers(sign(now.candidate), stopWatching.signal)) && lines.current === now) lost(now.line);
}

if (typeof window !== 'undefined') {
  setInterval(() => void lookNear(), LOOK_AGAIN_MS);
  addEventListener('online', () => void lookNear());
  addEventListener('storage', ({ key }) => { if (key === LAST) void doubt(); });
  document.addEventListener('visibilitychange', () => void lookNear());
}
