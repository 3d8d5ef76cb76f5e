import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import { encodeSecureFrame, SecureFrameKind } from '../../../src/secure/secure-frames.ts';
import { attackScene } from './support/scene.ts';
import { SigningPeer, signedByNobody } from './support/signing-peer.ts';

suite('a SecureNode', () => {
  const attackers: SigningPeer[] = [];
  // Before the scene looks at what is left.
  afterEach(() => Promise.all(attackers.splice(0).map((attacker) => attacker.stop())));
  const scene = attackScene({ secure: true });

  async function attacker(): Promise<SigningPeer> {
    const peer = new SigningPeer();
    attackers.push(peer);
    await peer.attack(scene.port);
    return peer;
  }

  test('that gets messages of a hundred thousand values, which take long to prove, hears others meanwhile', async () => {
    const numbers = Array(200_000).fill(1);
    const rows = Array.from({ length: 20_000 }, (_, index) => ({ b: index, a: 'x' }));
    const peers = [await attacker(), await attacker()];
    const sent = peers.flatMap((peer) =>
      [numbers, rows, numbers, rows, numbers].map((data) =>
        peer.victim.deliver(peer.signed('message', data)),
      ),
    );
    await Promise.all(sent);
    assert.equal((await scene.victim.call('stats')).handled, sent.length);
  });

  test('that gets thousands of messages of ever new authors, and while it proves a large one, hears others', async () => {
    const peers = [await attacker(), await attacker()];
    const flood = Array.from({ length: 4_000 }, () => signedByNobody(0));
    await scene.attackBegins();
    const { handled } = await scene.victim.call('stats');
    for (const peer of peers) {
      for (const message of flood.splice(0, 500)) peer.victim.send(message);
      peer.victim.send(peer.signed('message', Array(100_000).fill(1)));
      for (const message of flood.splice(0, 1_500)) peer.victim.send(message);
    }
    await Promise.all(peers.map((peer) => peer.victim.deliver(peer.signed('message', 0))));
    assert.equal((await scene.victim.call('stats')).handled - handled, 4_004);
  });

  test('that gets frames of its protocol that mean nothing, by the ten thousands, hears others meanwhile', async () => {
    const peer = await attacker();
    const { frames, victim } = peer;
    const stream = await frames.peer(victim.id);
    const junk = [
      new Uint8Array(1),
      Uint8Array.of(SecureFrameKind.relay, 99, 0, 0, 0, 0),
      encodeSecureFrame(SecureFrameKind.request, 'who are you?', 99),
      encodeSecureFrame(SecureFrameKind.relay, {}, 1),
      encodeSecureFrame(SecureFrameKind.response, 'nobody asked', 99),
      encodeSecureFrame(SecureFrameKind.relayed, { hash: '0'.repeat(64), answer: null }),
    ];
    for (let sent = 0; sent < 30_000; sent++) {
      if (!stream.send(junk[sent % junk.length]!)) await stream.drained();
    }
    await peer.ask('ping', null);
  });
});
