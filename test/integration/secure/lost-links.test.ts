import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecureNode } from '../../../src/secure/index.ts';
import { ChaosProxy } from '../../support/chaos-proxy.ts';
import { within } from '../../support/turns.ts';
import { TestSecureNode } from './support/secure-nodes.ts';

const cuts = 8;
const messages = 400;
const film = new Uint8Array(3 * 1024 * 1024).map((_, index) => index * 7);

test('what is signed arrives once while the link is cut, and the vault is read meanwhile', async (t) => {
  const reconnect = { minDelayMs: 1, maxDelayMs: 20 };
  const alice = new TestSecureNode('127.0.0.1', 0, { name: 'alice', reconnect });
  const bob = new SecureNode('127.0.0.1', 0, { reconnect });
  await Promise.all([alice.start(), bob.start()]);
  const schedule = (link: number) =>
    link < cuts ? [{ kind: 'cut', afterBytes: 300_000, durationMs: 0, towards: 'client' } as const] : [];
  const proxy = await ChaosProxy.start({ target: alice, schedule });
  t.after(() => Promise.all([alice.stop(), bob.stop(), proxy.stop()]));
  const connection = await bob.connectWithNode('127.0.0.1', proxy.port, { reconnect: true });
  await alice.vault.putStream('films', 'film', [film]);
  await alice.vault.grant('films', bob.id);
  const numbers = Array.from({ length: messages }, (_, index) => index);
  for (const index of numbers) connection.send({ index, padding: new Uint8Array(5_000) });
  const asked = numbers.slice(0, 50).map((index) => connection.request(index));
  const parts: Uint8Array[] = [];
  for await (const part of bob.vault.getStream(alice.id, 'films', 'film')) parts.push(part);
  assert.ok(Buffer.concat(parts).equals(film));
  assert.deepEqual(
    await within(Promise.all(asked), 'the answers'),
    numbers.slice(0, 50).map((echo) => ({ echo })),
  );
  const heard = await within(alice.heard(messages), 'the messages');
  assert.deepEqual(
    heard.map((data) => (data as { index: number }).index),
    numbers,
  );
  assert.deepEqual([alice.rejected, alice.errors], [[], []]);
  assert.equal(proxy.cuts, cuts);
});
