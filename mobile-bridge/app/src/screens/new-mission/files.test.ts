import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64Of, MAX_ALL_BYTES, MAX_FILE_BYTES, MAX_FILES, refusal, withFile } from './files.ts';

const file = (name: string, size = 1) => ({ name, size, content: '' });

test('files are bounded one by one, in number and together', () => {
  assert.equal(refusal([], MAX_FILE_BYTES), '');
  assert.equal(refusal([], MAX_FILE_BYTES + 1), 'large');
  assert.equal(refusal(Array.from({ length: MAX_FILES }, (_, n) => file(`${n}`)), 1), 'many');
  assert.equal(refusal([file('a', MAX_ALL_BYTES - 1)], 2), 'all');
});

test('no two have one name', () => {
  const files = ['a.png', 'A.png', 'a.png', 'b'].reduce((made, name) => withFile(made, file(name)), [] as ReturnType<typeof file>[]);
  assert.deepEqual(files.map((one) => one.name), ['a.png', 'A-2.png', 'a-3.png', 'b']);
});

test('bytes become base64, however many they are', () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => n % 256);
  assert.deepEqual(Uint8Array.from(Buffer.from(base64Of(bytes), 'base64')), bytes);
});
