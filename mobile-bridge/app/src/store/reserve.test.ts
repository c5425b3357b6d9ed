import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELD_BYTES, Reserve } from './reserve.ts';


/** A browser that has so many bytes left for a file, and writes what fits. */
function browser(room: number, refuses = false) {
  let size = 0;
  const file = {
    getSize: () => size,
    truncate: (to: number) => void (size = to),
    write(bytes: Uint8Array, { at }: { at: number }) {
      if (refuses && at + bytes.length > room) throw new DOMException('no room', 'QuotaExceededError');
      size = Math.min(room, at + bytes.length);
      return size - at;
    },
    close: () => undefined,
  };
  return { size: () => size, open: () => Promise.resolve(file) };
}

test('it holds some mebibytes, gives it up whole, and holds it again', async () => {
  const { size, open } = browser(2 * HELD_BYTES);
  const reserve = new Reserve(open);
  for (let turn = 0; turn < 2; turn += 1) {
    await reserve.take();
    await reserve.take();
    assert.equal(size(), HELD_BYTES);
    assert.equal(reserve.full(), false);
    assert.equal(size(), HELD_BYTES, 'to try takes nothing for good');
    reserve.give();
    assert.equal(size(), 0);
  }
});

test('where there is no room it says so, and holds nothing that it could not have whole', async () => {
  for (const refuses of [true, false]) {
    const little = browser(HELD_BYTES / 2, refuses);
    const reserve = new Reserve(little.open);
    await reserve.take();
    assert.equal(little.size(), 0);
    const enough = new Reserve(browser(HELD_BYTES, refuses).open);
    await enough.take();
    assert.equal(enough.full(), true);
  }
});

test('a browser without such files has no reserve, and no error', async () => {
  const reserve = new Reserve(() => Promise.reject(new Error('no such thing here')));
  await reserve.take();
  reserve.give();
  assert.equal(reserve.full(), true);
});
