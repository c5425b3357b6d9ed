import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setTransport } from '../api/transport.ts';
import { holdStream } from './stream.ts';

test('another node is listened to at once: what was cut for it does not rest first', async () => {
  mock.timers.enable({ apis: ['setTimeout'] }); // a rest would never end
  let began = 0;
  const stop = new AbortController();
  const wake = new EventTarget();
  setTransport(({ signal }) => {
    began += 1;
    setImmediate(() => (began === 1 ? wake.dispatchEvent(new Event('retry')) : stop.abort()));
    return new Promise((_, fail) => signal?.addEventListener('abort', () => fail(new TypeError('cut')), { once: true }));
  });
  try {
    await holdStream({ event: () => undefined, state: () => undefined }, stop.signal, wake);
  } finally {
    setTransport(null);
    mock.timers.reset();
  }
  assert.equal(began, 2);
});
