import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CURVE, type DeviceKey } from '../pairing/device-key.ts';
import { concat, encode64, type Bytes } from '../pairing/wire.ts';
import { ChangedKey, helloMessage, NotSealed, openAnswer, openChannel, sealRequest } from './channel.ts';

const told = JSON.parse(readFileSync(new URL('../../../../tests/mobile_bridge/vectors/sealed_channel.json', import.meta.url), 'utf8'));
const hex = (words: string): Bytes => Uint8Array.from(words.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const shown = (bytes: Bytes): string => Buffer.from(bytes).toString('hex');

async function keyOf(who: string): Promise<DeviceKey> {
  const point = hex(told.points[who]);
  const jwk = { kty: 'EC', crv: 'P-256', d: encode64(hex(told.scalars[who])), x: encode64(point.slice(1, 33)), y: encode64(point.slice(33)) };
  return { private: await crypto.subtle.importKey('jwk', jwk, CURVE, false, ['deriveBits']), public: point };
}

async function opened(): Promise<Awaited<ReturnType<typeof openChannel>>> {
  const welcome = concat(new Uint8Array([1]), hex(told.points.node), hex(told.points.node_new), new Uint8Array([9]));
  return openChannel(told.device, await keyOf('device'), await keyOf('device_new'), hex(told.points.node), welcome);
}

async function all(chunks: AsyncIterable<Bytes>): Promise<string> {
  let found = '';
  for await (const chunk of chunks) found += shown(chunk);
  return found;
}

test('a channel, its requests and its answers are the same here as on the node', async () => {
  const { keys, cookie } = await opened();
  assert.equal(shown(helloMessage(told.device, hex(told.points.device_new))), told.hello);
  assert.deepEqual([shown(keys.channel), shown(keys.request), shown(keys.answer), shown(cookie)], [told.keys.channel, told.keys.request, told.keys.answer, '09']);
  for (const one of told.requests) {
    const message = await sealRequest(keys, one.number, hex(one.data), hex(one.cookie));
    assert.equal(shown(message), one.message);
    const bytes = hex(one.answer);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, at) => bytes.slice(at * 100, at * 100 + 100));
    assert.equal(await all(openAnswer(keys, message, pieces)), one.chunks.join(''));
  }
});

test('an answer that was changed, cut, doubled or given to another request opens nothing', async () => {
  const { keys } = await opened();
  const [one, two] = [told.requests[2], told.requests[1]];
  const answer = hex(one.answer);
  const bent = answer.slice();
  bent[40]! ^= 1;
  for (const wrong of [bent, answer.slice(0, -1), answer.slice(0, 276), concat(answer, answer), new Uint8Array()]) {
    await assert.rejects(all(openAnswer(keys, hex(one.message), [wrong])), NotSealed);
  }
  await assert.rejects(all(openAnswer(keys, hex(two.message), [answer])), NotSealed);
});

test('a node with another key is told apart before anything is sent', async () => {
  const welcome = concat(new Uint8Array([1]), hex(told.points.device), hex(told.points.node_new), new Uint8Array([9]));
  await assert.rejects(openChannel(told.device, await keyOf('device'), await keyOf('device_new'), hex(told.points.node), welcome), ChangedKey);
});
