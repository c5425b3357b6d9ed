import assert from 'node:assert/strict';
import { test, mock } from 'node:test';
import { HEAD_START_MS, ordered, reach, type Candidate, type Knock } from './reach.ts';

const lan: Candidate = { node: 'desk', url: 'http://192.168.7.5:8823', near: true };
const hq: Candidate = { node: 'vps', url: 'https://hq.example', near: false };
const never = new AbortController().signal;
const silent: Knock<string> = (_, signal) => new Promise((_keep, fail) => signal.addEventListener('abort', () => fail(new TypeError('silent'))));

test('the near ones come first, what answered last before its like', () => {
  const other = { ...lan, url: 'http://10.0.0.5:8823' };
  assert.deepEqual(ordered([hq, lan, other, lan], other.url), [other, lan, hq]);
});

test('a near node that answers wins, and the far one is not even asked', async () => {
  const asked: string[] = [];
  const found = await reach([lan, hq], async (one) => (asked.push(one.node), one.node), never);
  assert.deepEqual([found.line, asked], ['desk', ['desk']]);
});

test('a near node that is silent does not keep the far one waiting for longer than its head start', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const asking = reach([lan, hq], (one, signal) => (one.near ? silent(one, signal) : Promise.resolve(one.node)), never);
    mock.timers.tick(HEAD_START_MS);
    assert.equal((await asking).line, 'vps');
  } finally {
    mock.timers.reset();
  }
});

test('where the near one refuses at once the far one is asked at once', async () => {
  const found = await reach([lan, hq], async (one) => {
    if (one.near) throw new TypeError('refused');
    return one.node;
  }, never);
  assert.equal(found.line, 'vps');
});

test('where nobody answers the last reason is told, and nothing is waited for that was called off', async () => {
  await assert.rejects(reach([lan, hq], async () => { throw new TypeError('off'); }, never), /off/);
  await assert.rejects(reach([], silent, never), /no address/);
  const stop = new AbortController();
  const asking = reach([lan], silent, stop.signal);
  stop.abort(new Error('called off'));
  await assert.rejects(asking, /called off/);
});
