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

/** Hears streams that a test writes: each connection is a list of pieces, and stays open behind the last one. */
async function hears(connections: string[][], until: (heard: string[]) => boolean): Promise<string[]> {
  mock.timers.enable({ apis: ['setTimeout'] });
  const heard: string[] = [];
  const stop = new AbortController();
  let began = 0;
  setTransport(({ signal }) => {
    const pieces = connections[began++];
    if (!pieces) return new Promise((_, fail) => signal?.addEventListener('abort', () => fail(new TypeError('cut'))));
    const body = new ReadableStream<Uint8Array>({
      start(to) {
        for (const each of pieces) to.enqueue(new TextEncoder().encode(each));
        signal?.addEventListener('abort', () => to.error(new TypeError('cut')));
      },
    });
    return Promise.resolve(new Response(body));
  });
  const note = (said: string): void => {
    heard.push(said);
    if (until(heard)) stop.abort();
  };
  const clock = setInterval(() => mock.timers.tick(1000), 1);
  try {
    await holdStream({ event: ({ kind }) => note(kind), state: note }, stop.signal, new EventTarget());
  } finally {
    clearInterval(clock);
    setTransport(null);
    mock.timers.reset();
  }
  return heard;
}

test('a stream that is held back is said to be, and what is shown is asked for all the same', async () => {
  const heard = await hears([], (said) => said.filter((each) => each === 'held').length === 2);
  assert.deepEqual(heard, ['connecting', 'held', 'ledger', 'sync', 'held', 'ledger', 'sync']);
});

test('what begins and then falls silent is live again only once more than its beginning came', async () => {
  const heard = await hears([['\n\n'], ['\n\n'], ['\n\n', ': ping\n\n']], (said) => said.filter((each) => each === 'open').length === 2);
  assert.deepEqual(heard, ['connecting', 'open', 'held', 'ledger', 'sync', 'ledger', 'sync', 'held', 'ledger', 'sync', 'ledger', 'sync', 'open']);
});

test('who may have missed something looks at everything again', async () => {
  const heard = await hears([['id: h.3\nevent: gap\ndata: {}\n\n', 'id: h.4\nevent: output\ndata: {}\n\n']], (said) => said.includes('output'));
  assert.deepEqual(heard, ['connecting', 'open', 'ledger', 'sync', 'output']);
});
