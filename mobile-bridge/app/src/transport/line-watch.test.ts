import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ASK_EVERY_MS, PATIENCE_MS, watchLine } from './line-watch.ts';
import { AFTER_LOSS_MS, reach, type Candidate } from './reach.ts';

const lan: Candidate = { node: 'desk', url: 'http://192.168.7.5:8823', near: true };
const hq: Candidate = { node: 'vps', url: 'https://hq.example', near: false };
const never = new AbortController().signal;
const silence = (signal: AbortSignal): Promise<never> => new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason)));
const HELLO_MS = 500; // of the far node: four turns on a mobile network
const BAR_MS = 2000;

/** Lets a virtual clock go on, a little at a time, until something is so; answers the milliseconds. */
async function passUntil(so: () => boolean, roof = 10_000): Promise<number> {
  let now = 0;
  while (!so() && now < roof) {
    mock.timers.tick(10);
    now += 10;
    await new Promise((go) => setImmediate(go));
  }
  return now;
}

async function watched<T>(work: () => Promise<T>): Promise<T> {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  try {
    return await work();
  } finally {
    mock.timers.reset();
  }
}

for (const [how, gone] of [['is silent', silence], ['refuses', () => Promise.reject(new TypeError('refused'))]] as const) {
  test(`a near node that ${how} is replaced within 2 s, whenever it goes`, () => watched(async () => {
    for (const after of [0, 10, ASK_EVERY_MS - 10, ASK_EVERY_MS, ASK_EVERY_MS + 10]) {
      let there = true;
      let found = '';
      const stop = new AbortController();
      const change = (): void => {
        const knock = (one: Candidate, signal: AbortSignal): Promise<string> => one.near ? gone(signal) : new Promise((keep) => setTimeout(() => keep(one.node), HELLO_MS));
        void reach([lan, hq], knock, never, AFTER_LOSS_MS).then(({ line }) => (found = line));
      };
      watchLine((signal) => (there ? Promise.resolve() : gone(signal)), change, stop.signal, () => false);
      await passUntil(() => false, after);
      there = false;
      const took = await passUntil(() => found !== '');
      assert.equal(found, 'vps');
      assert.ok(took <= BAR_MS, `${took} ms, gone ${after} ms after the beginning`);
      stop.abort();
    }
  }));
}

test('a line that answers is kept, one is asked once at a time, and a hidden page asks nobody', () => watched(async () => {
  let asked = 0;
  let losses = 0;
  let hidden = false;
  const stop = new AbortController();
  const slow = (): Promise<void> => new Promise((keep) => (asked++, setTimeout(keep, PATIENCE_MS - 10)));
  watchLine(slow, () => losses++, stop.signal, () => hidden);
  await passUntil(() => false, 5000);
  assert.equal(losses, 0);
  assert.ok(asked >= 4 && asked <= 5, `asked ${asked} times in 5 s, with answers that take longer than the pause`);
  hidden = true;
  const before = asked;
  await passUntil(() => false, 3000);
  assert.equal(asked, before);
  stop.abort();
}));

test('a loss is told once, and nothing after the end', () => watched(async () => {
  let losses = 0;
  const stop = new AbortController();
  watchLine(silence, () => losses++, never, () => false);
  watchLine(silence, () => losses++, stop.signal, () => false);
  await passUntil(() => false, ASK_EVERY_MS + 50); // asked, and not yet silent for long enough
  stop.abort();
  await passUntil(() => false, 5000);
  assert.equal(losses, 1);
}));
