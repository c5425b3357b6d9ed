import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { claimProof, commitNonce, deviceId, fingerprintOf, nodeProof, pairingKey, shortCode, type Claim } from './claim.ts';
import { readTicket, WrongTicket } from './ticket.ts';
import { decode64, encode64 } from './wire.ts';

const told = JSON.parse(readFileSync(new URL('../../../../tests/mobile_bridge/vectors/pairing.json', import.meta.url), 'utf8'));

test('a pairing comes to the same here as on the node', async () => {
  const ticket = readTicket(`https://hq.example/app/pair#${told.ticket}`);
  assert.deepEqual([ticket.node, ticket.fleet, ticket.fingerprint, ticket.pairing, encode64(ticket.secret), ticket.urls], [told.node, told.fleet, told.fingerprint, told.pairing, told.secret, told.urls]);
  const publicKey = decode64(told.public_key);
  const nonce = decode64(told.nonce);
  const claim: Claim = { ticket, publicKey, name: told.name, commitment: await commitNonce(nonce, publicKey) };
  const key = await pairingKey(ticket.secret);
  const [nodeKey, nodeNonce] = [decode64(told.node_key), decode64(told.node_nonce)];
  assert.equal(encode64(key), told.key);
  assert.equal(encode64(claim.commitment), told.commitment);
  assert.equal(await deviceId(publicKey), told.device);
  assert.equal(await fingerprintOf(nodeKey), told.fingerprint);
  assert.equal(encode64(await claimProof(key, claim)), told.proof);
  assert.equal(encode64(await nodeProof(key, claim, nodeKey, nodeNonce)), told.node_proof);
  assert.equal(await shortCode(key, claim, nodeKey, nodeNonce, nonce), told.code);
});

test('what is no ticket says which way it is none', () => {
  const fault = (text: string): string => {
    try {
      readTicket(text);
      return '';
    } catch (error) {
      return (error as WrongTicket).fault;
    }
  };
  assert.equal(fault('https://example.org/'), 'none');
  assert.equal(fault(told.ticket.replace('1.', '2.')), 'version');
  assert.equal(fault(told.ticket.slice(0, -1)), 'damaged');
  assert.equal(fault('1.' + told.ticket.split('.').slice(1, 4).join('.') + '.' + encode64(new TextEncoder().encode('["n","f","javascript:alert(1)"]'))), 'damaged');
});

test('base64 has one text for each value', () => {
  for (const wrong of ['AB', 'AA==', 'A A', '+/+/', 'A']) assert.throws(() => decode64(wrong));
  assert.deepEqual(decode64('AA'), new Uint8Array([0]));
});
