// What does the code of `shiftbook device pair` say? The same as mobile_bridge/pairing.py reads.
import { decode64, type Bytes } from './wire.ts';

export interface Ticket {
  node: string;
  fleet: string;
  fingerprint: string; // of the node's public key
  pairing: string;
  secret: Bytes;
  urls: string[]; // where the node may be reached, the nearest first
}

export type TicketFault = 'none' | 'version' | 'damaged';

export class WrongTicket extends Error {
  readonly fault: TicketFault;
  constructor(fault: TicketFault) {
    super(`this code cannot be used: ${fault}`);
    this.name = 'WrongTicket';
    this.fault = fault;
  }
}

const MAX_URLS = 8;
const MAX_CHARACTERS = 2000;

/** The ticket in what a camera found or a person pasted: a whole link, or what stands behind its #. Throws WrongTicket. */
export function readTicket(found: string): Ticket {
  const words = found.trim().replace(/^[^#]*#/, '');
  const [version, fingerprint, pairing, secret, rest, ...more] = words.split('.');
  if (words.length > MAX_CHARACTERS || rest === undefined || more.length || !fingerprint || !pairing || !secret) throw new WrongTicket('none');
  if (version !== '1') throw new WrongTicket(/^\d+$/.test(version ?? '') ? 'version' : 'none');
  try {
    decode64(fingerprint, 32);
    decode64(pairing, 8);
    const said: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(decode64(rest)));
    if (!Array.isArray(said) || said.length < 2 || !said.every((each): each is string => typeof each === 'string')) throw new WrongTicket('damaged');
    const [node = '', fleet = '', ...urls] = said;
    if (urls.length > MAX_URLS || !urls.every((url) => /^https?:\/\/[^/\s]+$/.test(url))) throw new WrongTicket('damaged');
    return { node, fleet, fingerprint, pairing, secret: decode64(secret, 16), urls };
  } catch (error) {
    throw error instanceof WrongTicket ? error : new WrongTicket('damaged');
  }
}
