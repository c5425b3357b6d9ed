// How are requests sealed so that only this node can open them, once, and answers so that only this request's counts?
// The device's side of mobile_bridge/sealed_channel.py; docs/devices.md tells the form and what it is proof against.
import { CURVE, type DeviceKey } from '../pairing/device-key.ts';
import { bigEndian, concat, decode64, joinParts, same, sha256, utf8, type Bytes } from '../pairing/wire.ts';
import { decodeFrame, encodeFrame, MAX_SEALED_FRAME, readLength } from './frames.ts';

const POINT = 65;

/** It is not what the pinned node sealed for this request: changed, cut, mixed up, or of somebody else. */
export class NotSealed extends Error {}
/** The node that answers has another key than the one that was paired. */
export class ChangedKey extends Error {}

export interface ChannelKeys {
  channel: Bytes;
  request: Bytes;
  answer: Bytes;
}

async function agree(own: CryptoKey, point: Bytes): Promise<Bytes> {
  const other = await crypto.subtle.importKey('raw', point, CURVE, false, []);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: other }, own, 256));
}

async function derive(secret: Bytes, salt: Bytes, info: string, length: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info: utf8(info) }, key, length * 8));
}

const aes = (key: Bytes, use: KeyUsage): Promise<CryptoKey> => crypto.subtle.importKey('raw', key, 'AES-GCM', false, [use]);

async function unseal(key: CryptoKey, number: number, sealed: Bytes, bound: Bytes): Promise<Bytes> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: bigEndian(number, 12), additionalData: bound }, key, sealed));
  } catch {
    throw new NotSealed();
  }
}

export const helloMessage = (device: string, fresh: Bytes): Bytes => concat(new Uint8Array([1]), decode64(device, 16), fresh);

/** The channel that a welcome opens, and its cookie. Throws ChangedKey, NotSealed. */
export async function openChannel(device: string, key: DeviceKey, fresh: DeviceKey, pinned: Bytes, welcome: Bytes): Promise<{ keys: ChannelKeys; cookie: Bytes }> {
  if (welcome.length <= 1 + 2 * POINT || welcome[0] !== 1) throw new NotSealed();
  if (!same(welcome.slice(1, 1 + POINT), pinned)) throw new ChangedKey();
  const nodeFresh = welcome.slice(1 + POINT, 1 + 2 * POINT);
  const salt = await sha256(joinParts('shiftbook sealed 1', decode64(device, 16), key.public, pinned, fresh.public, nodeFresh));
  const secret = concat(await agree(fresh.private, nodeFresh), await agree(fresh.private, pinned), await agree(key.private, nodeFresh));
  const made = await derive(secret, salt, 'shiftbook sealed 1', 80);
  return { keys: { request: made.slice(0, 32), answer: made.slice(32, 64), channel: made.slice(64) }, cookie: welcome.slice(1 + 2 * POINT) };
}

/** A request. A number is used once. */
export async function sealRequest(keys: ChannelKeys, number: number, data: Bytes, cookie: Bytes): Promise<Bytes> {
  const bound = concat(new Uint8Array([2]), keys.channel, bigEndian(number, 8), bigEndian(cookie.length, 2), cookie);
  const key = await aes(keys.request, 'encrypt');
  return concat(bound, new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: bigEndian(number, 12), additionalData: bound }, key, encodeFrame(data, true))));
}

/** What the node answers to this very request, as it comes. Throws NotSealed for anything else, and where it was cut off. */
export async function* openAnswer(keys: ChannelKeys, request: Bytes, pieces: AsyncIterable<Bytes> | Iterable<Bytes>): AsyncGenerator<Bytes> {
  const key = await aes(await derive(keys.answer, await sha256(request), 'shiftbook answer 1', 32), 'decrypt');
  let rest: Bytes = new Uint8Array();
  let over = false;
  let number = 0;
  for await (const piece of pieces) {
    rest = concat(rest, piece);
    while (rest.length >= 4) {
      const size = readLength(rest);
      if (over || size > MAX_SEALED_FRAME) throw new NotSealed();
      if (rest.length < 4 + size) break;
      const frame = decodeFrame(await unseal(key, number++, rest.slice(4, 4 + size), keys.channel));
      rest = rest.slice(4 + size);
      over = frame.last;
      if (frame.data.length) yield frame.data;
    }
  }
  if (!over || rest.length) throw new NotSealed();
}
