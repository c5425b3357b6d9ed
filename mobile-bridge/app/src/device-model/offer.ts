// Which model does a node offer for this device, and in which pieces? Pure: what a node says is read, or refused.

export interface ModelOffer {
  name: string;
  good_for: string;
  /** What it is good for, in a sentence. */
  says: string;
  size: number;
  /** SHA-256 of the whole, in hex; its name at the node. */
  digest: string;
  /** Bytes of each piece but the last. */
  piece: number;
  pieces: string[];
}

export interface Piece {
  from: number;
  to: number; // the first byte that is not in it
  digest: string;
}

/** Bytes of the largest model that this page takes, and of the largest piece that it holds at once. */
export const MODEL_ROOF = 1024 ** 3;
export const PIECE_ROOF = 16 * 1024 ** 2;
const HASH = /^[0-9a-f]{64}$/;

const whole = (one: unknown, roof: number): one is number => Number.isSafeInteger(one) && (one as number) > 0 && (one as number) <= roof;
const hash = (one: unknown): one is string => typeof one === 'string' && HASH.test(one);
const text = (one: unknown): string => (typeof one === 'string' ? one.slice(0, 300) : '');

/** The offer as it was said; null where it holds together in no way that could be fetched and checked. */
export function readOffer(said: unknown): ModelOffer | null {
  const { size, piece, digest, pieces, ...rest } = (said ?? {}) as Partial<Record<keyof ModelOffer, unknown>>;
  if (!whole(size, MODEL_ROOF) || !whole(piece, PIECE_ROOF) || !hash(digest) || !Array.isArray(pieces)) return null;
  if (pieces.length !== Math.ceil(size / piece) || !pieces.every(hash)) return null;
  return { size, piece, digest, pieces, name: text(rest.name), good_for: text(rest.good_for), says: text(rest.says) };
}

/** The pieces from the first one that is not whole among so many bytes. */
export function missingPieces(offer: ModelOffer, have: number): Piece[] {
  const first = Math.floor(Math.min(have, offer.size) / offer.piece);
  const left = have >= offer.size ? [] : offer.pieces.slice(first);
  return left.map((digest, at) => ({ from: (first + at) * offer.piece, to: Math.min(offer.size, (first + at + 1) * offer.piece), digest }));
}
