// Which proofs and which digits come of a pairing? The same as mobile_bridge/pairing.py makes.
import type { Ticket } from './ticket.ts';
import { encode64, joinParts, sha256, type Bytes } from './wire.ts';

export const NONCE_BYTES = 16;

export interface Claim {
  ticket: Ticket;
  publicKey: Bytes;
  name: string;
  commitment: Bytes;
}

export const pairingKey = (secret: Bytes): Promise<Bytes> => sha256(joinParts('shiftbook pairing key 1', secret));
export const commitNonce = (nonce: Bytes, publicKey: Bytes): Promise<Bytes> => sha256(joinParts('shiftbook pairing commitment 1', nonce, publicKey));
export const fingerprintOf = async (publicKey: Bytes): Promise<string> => encode64(await sha256(publicKey));

/** What programs call a device: made of its key, so nobody can choose it. */
export async function deviceId(publicKey: Bytes): Promise<string> {
  return encode64((await sha256(joinParts('shiftbook device 1', publicKey))).slice(0, 16));
}

async function prove(key: Bytes, what: string, claim: Claim, ...more: Bytes[]): Promise<Bytes> {
  const { ticket, publicKey, name, commitment } = claim;
  const said = joinParts(`shiftbook pairing ${what} 1`, ticket.pairing, ticket.fleet, ticket.fingerprint, publicKey, name, commitment, ...more);
  const hmac = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', hmac, said));
}

/** That this device knows the secret, bound to all that it claims. */
export const claimProof = (key: Bytes, claim: Claim): Promise<Bytes> => prove(key, 'claim', claim);
/** That the node knows it, bound to the claim that it answers. */
export const nodeProof = (key: Bytes, claim: Claim, nodeKey: Bytes, nodeNonce: Bytes): Promise<Bytes> => prove(key, 'node', claim, nodeKey, nodeNonce);

/** The digits that both sides show. */
export async function shortCode(key: Bytes, claim: Claim, nodeKey: Bytes, nodeNonce: Bytes, nonce: Bytes): Promise<string> {
  const digest = await prove(key, 'code', claim, nodeKey, nodeNonce, nonce);
  const number = [...digest.slice(0, 8)].reduce((sum, byte) => sum * 256n + BigInt(byte), 0n) % 1_000_000n;
  return number.toString().padStart(6, '0');
}
