import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELD_BYTES, Reserve } from './reserve.ts';
import { Room } from './room.ts';

/** A browser with so many bytes for all of a site, and a store in it; what a file gives back is noticed when somebody has waited. */
function browser(bytes: number) {
  let [reserved, noticed, words, heard, answers, waits] = [0, 0, 0, 0, 0, 0];
  const free = (): number => bytes - Math.max(reserved, noticed) - words - heard - answers;
  const reserve = new Reserve(() => Promise.resolve({
    getSize: () => reserved,
    truncate: (to: number) => void (reserved = to),
    write(data: Uint8Array, { at }: { at: number }) {
      const fits = Math.max(0, Math.min(data.length, free()));
      reserved = at + fits;
      noticed = Math.max(noticed, reserved);
      return fits;
    },
    close: () => undefined,
  }));
  const put = (size: number, kept: (size: number) => void) => (): string => {
    if (size > free()) throw new Error('SQLITE_IOERR: disk I/O error');
    kept(size);
    return 'kept';
  };
  const clear = (): void => {
    if (free() < 1) throw new Error('SQLITE_IOERR: it takes some room to take something out');
    answers = 0;
  };
  const wait = (): Promise<void> => {
    waits += 1;
    noticed = reserved;
    return Promise.resolve();
  };
  const room = new Room(reserve, clear, wait);
  return { reserve, room, say: (size: number) => room.words(put(size, (more) => (words += more))), hear: (size: number) => room.others(put(size, (more) => (heard += more))), read: (size: number) => room.answer(put(size, (more) => (answers += more))), free, waits: () => waits, grow: (by: number) => (bytes += by), kept: () => ({ words, answers }) };
}

const MIB = 1024 ** 2;

/** One that is full of what was read, but for less than `left` bytes. */
async function filled(bytes: number, left = 1): Promise<ReturnType<typeof browser>> {
  const made = browser(bytes);
  await made.reserve.take();
  for (let size = MIB; size >= left; size = Math.floor(size / 10)) while (!(await made.read(size)).error);
  assert.ok(made.free() < left);
  return made;
}

test('in a full browser words find room, one after the other, whatever is read in between', async () => {
  const made = await filled(12 * MIB);
  for (let turn = 0; turn < 10; turn += 1) {
    assert.deepEqual(await made.say(100_000), { result: 'kept' });
    await made.read(100_000);
  }
  assert.equal(made.kept().words, 1_000_000);
});

test('what is read takes no room while what is held for words is not whole, and again once it is', async () => {
  const made = await filled(HELD_BYTES);
  assert.deepEqual(await made.say(HELD_BYTES - 1000), { result: 'kept' });
  assert.equal((await made.read(10)).error?.name, 'StoreFull');
  assert.deepEqual(await made.say(500), { result: 'kept' }, 'there is room that nothing else took');
  made.grow(8 * MIB);
  assert.deepEqual(await made.read(10), { result: 'kept' });
  assert.equal(made.reserve.held, true);
});

test('words that come at once both find room', async () => {
  const made = await filled(12 * MIB);
  const both = await Promise.all([made.say(MIB), made.read(MIB), made.say(MIB), made.say(MIB)]);
  assert.deepEqual(both.map(({ error }) => error?.name ?? ''), ['', 'StoreFull', '', '']);
});

test('what others said takes the room of what was read, and not what is held for words', async () => {
  const made = await filled(12 * MIB + 500, 1000);
  assert.deepEqual(await made.hear(MIB), { result: 'kept' });
  assert.equal(made.reserve.held, true);
  assert.equal((await made.hear(8 * MIB)).error?.name, 'StoreFull');
  assert.equal(made.reserve.held, true);
  assert.deepEqual(await made.say(MIB), { result: 'kept' });
});

test('what is said first is kept first, also where it waits for room', async () => {
  const made = await filled(12 * MIB);
  const order: string[] = [];
  const note = (name: string) => (kept: unknown): void => void (kept && order.push(name));
  await Promise.all([Promise.resolve(made.say(5 * MIB)).then(note('large')), Promise.resolve(made.say(1)).then(note('small'))]);
  assert.deepEqual(order, ['large', 'small']);
});

test('where the reserve itself breaks, the next words are heard all the same', async () => {
  let broken = true;
  const reserve = { held: false, full: () => true, take: () => Promise.resolve(false), give: () => { if (broken) throw new Error('the file is gone'); } };
  const room = new Room(reserve, () => undefined, () => Promise.resolve());
  const said = await room.words(() => { throw new Error('SQLITE_FULL'); });
  assert.equal(said.error?.name, 'StoreFailed');
  broken = false;
  assert.deepEqual(await room.words(() => 'kept'), { result: 'kept' });
});

test('where there is no room at all the words are refused, and where it is no want of room, too', async () => {
  const made = await filled(HELD_BYTES);
  assert.equal((await made.say(2 * HELD_BYTES)).error?.name, 'StoreFull');
  assert.ok(made.waits() >= 50, 'a browser may be slow to notice what was given back');
  const odd = await made.room.words(() => { throw new Error('SQLITE_CORRUPT'); });
  assert.equal(odd.error?.name, 'StoreFailed');
});

test('a browser that holds nothing free keeps what is read all the same', async () => {
  const room = new Room(new Reserve(() => Promise.reject(new Error('no such thing here'))), () => undefined);
  assert.deepEqual(await room.answer(() => 'kept'), { result: 'kept' });
});
