import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity, Node, type Signer, tcp } from '../../src/index.ts';
import { engines } from '../support/engines.ts';
import { withCode } from '../support/errors.ts';
import { keptKey } from '../support/kept-key.ts';
import { connect, makeNode, startNodes } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';

/** A signer whose answers the test chooses. */
function chosen(sign: (identity: Identity, message: Uint8Array) => unknown): Signer {
  const identity = Identity.generate();
  return {
    publicKey: identity.publicKey,
    sign: (message) => sign(identity, message) as Promise<Uint8Array>,
  };
}

const plain = { name: 'plain', host: '127.0.0.1', transport: () => tcp({ accept: ['plain'] }) };

suite('nodes whose keys cannot be exported', () => {
  for (const engine of engines) {
    test(`connect with each other, and with others, over ${engine.name}`, async (t) => {
      const [a, b] = [await keptKey(), await keptKey()].map((identity, index) =>
        makeNode(t, { engine, options: { identity } }, index),
      );
      const c = makeNode(t, { engine }, 2);
      for (const node of [a!, b!, c]) await node.start();
      for (const [from, to] of [[a!, b!] as const, [b!, c] as const, [c, a!] as const]) {
        const connection = await connect(from, to);
        assert.equal(connection.id, to.id);
        await connection.deliver('there');
        await to.peer(from).deliver('and back');
        assert.deepEqual([to.messages.at(-1), from.messages.at(-1)], ['there', 'and back']);
      }
    });
  }
});

suite('a signer', () => {
  const failures: Record<string, [(identity: Identity, message: Uint8Array) => unknown, RegExp]> = {
    throws: [
      () => {
        throw null;
      },
      /identity\.sign failed: null/,
    ],
    rejects: [() => Promise.reject(new Error('no token')), /identity\.sign failed: no token/],
    'returns something else': [() => 'signature', /must return a Uint8Array, not 'signature'/],
    'signs something else': [
      (identity) => identity.sign(new Uint8Array(1)),
      /a signature that does not belong to identity\.publicKey/,
    ],
  };
  for (const [name, [sign, message]] of Object.entries(failures)) {
    test(`that ${name} fails where the node needs it, and stops nothing`, async (t) => {
      const [other] = await startNodes(t, 1, { engine: plain });
      const node = makeNode(t, { engine: plain, options: { identity: chosen(sign) } });
      await node.start();
      await assert.rejects(node.connectWithNode(other.host, other.port), withCode('ERR_SIGNER', message));
      await assert.rejects(other.connectWithNode(node.host, node.port));
      const listener = new Node('127.0.0.1', 0, { identity: chosen(sign) });
      await assert.rejects(listener.start(), withCode('ERR_SIGNER', message));
    });
  }

  test('that never answers holds up one handshake, until its time is over', async (t) => {
    let isAsleep = true;
    const identity = chosen((key, message) => (isAsleep ? new Promise(() => {}) : key.sign(message)));
    const limits = { handshakeTimeoutMs: 200, maxHalfOpen: 1 };
    const node = makeNode(t, { engine: plain, options: { identity, limits } });
    const [other] = await startNodes(t, 1, { engine: plain });
    await node.start();
    await assert.rejects(within(other.connectWithNode(node.host, node.port), 'the dial ends'));
    const failing = node.connectWithNode(other.host, other.port, { timeoutMs: 200 });
    await assert.rejects(within(failing, 'the own dial ends'), withCode('ERR_TIMEOUT'));
    isAsleep = false;
    await connect(other, node);
  });

  test('is refused without an Ed25519 key, or a function that signs', () => {
    const { publicKey } = Identity.generate();
    const sign = () => new Uint8Array(64);
    const wrong: [identity: unknown, message: RegExp][] = [
      [{ publicKey: 'key', sign }, /identity\.publicKey must be a Uint8Array, not 'key'/],
      [{ publicKey: new Uint8Array(31), sign }, /publicKey must be 32 bytes long, not 31/],
      [{ publicKey: new Uint8Array(32), sign }, /an Ed25519 key of large order/],
      [{ publicKey, sign: 1 }, /identity\.sign must be a function, not 1/],
    ];
    for (const [identity, message] of wrong) {
      assert.throws(() => new Node('127.0.0.1', 0, { identity: identity as Signer }), message);
    }
  });
});
