// How does this device come in? It claims, reveals its nonce, shows digits, and waits for a person's word at the node.
import { Problem, problemOf } from '../api/problem.ts';
import { claimProof, commitNonce, deviceId, fingerprintOf, nodeProof, NONCE_BYTES, pairingKey, shortCode, type Claim } from './claim.ts';
import type { DeviceKey } from './device-key.ts';
import type { Ticket } from './ticket.ts';
import { decode64, encode64, same } from './wire.ts';

export interface PairedNode {
  node: string;
  fleet: string;
  key: string; // its public key, pinned
  urls: string[];
  device: string; // what this device is called there
}

export interface Waiting {
  code: string;
  node: PairedNode;
  url: string;
}

/** The one that answers is not the node of the code. */
export class WrongNode extends Error {}
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

async function ask<T>(fetcher: Fetch, url: string, method: string, body: unknown, signal: AbortSignal): Promise<T> {
  const init = { method, signal, credentials: 'omit' as const, cache: 'no-store' as const, redirect: 'error' as const };
  const answer = await fetcher(url, body === null ? init : { ...init, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
  if (!answer.ok) throw await problemOf(answer);
  return (await answer.json()) as T;
}

/**
 * Claims at one address. Throws Problem where the node refuses, WrongNode where it is another one, TypeError where nobody answers.
 */
export async function claim(ticket: Ticket, url: string, key: DeviceKey, name: string, signal: AbortSignal, fetcher: Fetch = fetch): Promise<Waiting> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const said: Claim = { ticket, publicKey: key.public, name, commitment: await commitNonce(nonce, key.public) };
  const secret = await pairingKey(ticket.secret);
  const place = `${url}/api/v1/pairings/${ticket.pairing}`;
  const made = await ask<{ node_key: string; node_nonce: string; proof: string }>(fetcher, `${place}/claim`, 'POST', {
    fleet: ticket.fleet, public_key: encode64(key.public), name, commitment: encode64(said.commitment), proof: encode64(await claimProof(secret, said)),
  }, signal);
  const nodeKey = decode64(made.node_key, 65);
  const nodeNonce = decode64(made.node_nonce, NONCE_BYTES);
  const proven = same(await nodeProof(secret, said, nodeKey, nodeNonce), decode64(made.proof));
  if (!proven || (await fingerprintOf(nodeKey)) !== ticket.fingerprint) throw new WrongNode();
  await ask(fetcher, `${place}/nonce`, 'PUT', { nonce: encode64(nonce) }, signal);
  const node: PairedNode = { node: ticket.node, fleet: ticket.fleet, key: made.node_key, urls: ticket.urls, device: await deviceId(key.public) };
  return { code: await shortCode(secret, said, nodeKey, nodeNonce, nonce), node, url };
}

/** The addresses in the order in which they are tried: the first that answers at all decides. */
export async function claimAnywhere(ticket: Ticket, urls: string[], key: DeviceKey, name: string, signal: AbortSignal, fetcher: Fetch = fetch): Promise<Waiting> {
  let last: unknown = new TypeError('this code names no address');
  for (const url of urls) {
    try {
      return await claim(ticket, url, key, name, signal, fetcher);
    } catch (error) {
      if (signal.aborted || error instanceof WrongNode || (error instanceof Problem && error.status !== 404)) throw error;
      last = error; // nobody there, or another node that knows nothing of it
    }
  }
  throw last;
}

const LOOK_MS = 1000;

/** Waits for the person's word. Throws Problem with the reason where it was refused. */
export async function confirmed(waiting: Waiting, pairing: string, signal: AbortSignal, fetcher: Fetch = fetch): Promise<PairedNode> {
  for (;;) {
    const { state, why } = await ask<{ state: string; why: string }>(fetcher, `${waiting.url}/api/v1/pairings/${pairing}/progress`, 'GET', null, signal);
    if (state === 'confirmed') return waiting.node;
    if (state === 'refused') throw new Problem(403, 'Refused', why);
    await new Promise((go) => setTimeout(go, LOOK_MS));
    signal.throwIfAborted();
  }
}
