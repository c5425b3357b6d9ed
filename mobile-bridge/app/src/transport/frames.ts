// How does an HTTP message stand in sealed frames? The same as in mobile_bridge/sealed_frames.py.
import { bigEndian, concat, utf8, type Bytes } from '../pairing/wire.ts';

const BLOCK = 256;
const LENGTH = 4;
export const MAX_SEALED_FRAME = Math.ceil((64 * 1024 + LENGTH + 1) / BLOCK) * BLOCK + 16;

export class WrongFrame extends Error {}

const lengthAt = (bytes: Bytes, at: number): number => new DataView(bytes.buffer, bytes.byteOffset + at, LENGTH).getUint32(0);
export const readLength = (bytes: Bytes): number => lengthAt(bytes, 0);

export function encodeFrame(data: Bytes, last: boolean): Bytes {
  const plain = concat(new Uint8Array([last ? 1 : 0]), bigEndian(data.length, LENGTH), data);
  return concat(plain, new Uint8Array((BLOCK - (plain.length % BLOCK)) % BLOCK));
}

export function decodeFrame(plain: Bytes): { data: Bytes; last: boolean } {
  const end = 1 + LENGTH + (plain.length > LENGTH ? lengthAt(plain, 1) : Infinity);
  if (plain.length < end || plain.length % BLOCK || (plain[0] ?? 2) > 1 || plain.length - end >= BLOCK || plain.subarray(end).some(Boolean)) throw new WrongFrame();
  return { data: plain.slice(1 + LENGTH, end), last: plain[0] === 1 };
}

/** A head and a body. Keys are written in their order, without spaces, as the node writes them. */
export function encodeMessage(head: Record<string, unknown>, body: Bytes): Bytes {
  const said = utf8(JSON.stringify(Object.fromEntries(Object.entries(head).sort(([one], [other]) => (one < other ? -1 : 1)))));
  return concat(bigEndian(said.length, LENGTH), said, body);
}
