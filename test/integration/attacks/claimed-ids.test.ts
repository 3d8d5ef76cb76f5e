import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { Identity, publicKeyFromId } from '../../../src/identity.ts';
import { plainPreface } from '../../../src/transport/tcp/sniff.ts';
import { helloWith, RawPeer, rawSocket } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const nonceBytes = 32;
const proofBytes = 96;

/** A plain connection on which the nonces are exchanged. */
interface Opened {
  readonly socket: Socket;
  readonly ours: Buffer;
  readonly theirs: Buffer;
  /** The proof of the other side. */
  readonly proof: Buffer;
}

async function open(
  port: number,
  nonceOf = (_theirs: Buffer): Buffer => randomBytes(nonceBytes),
): Promise<Opened> {
  const socket = rawSocket(port);
  socket.write(plainPreface);
  let ours: Buffer | undefined;
  let received = Buffer.alloc(0);
  const opening = plainPreface.length + nonceBytes;
  while (received.length < opening + proofBytes) {
    if (ours === undefined && received.length >= opening) {
      ours = nonceOf(received.subarray(plainPreface.length, opening));
      socket.write(ours);
    }
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, bytes]);
  }
  return {
    socket,
    ours: ours!,
    theirs: received.subarray(plainPreface.length, opening),
    proof: received.subarray(opening),
  };
}

function statement({ ours, theirs }: Opened, role = 'client'): Buffer {
  return Buffer.concat([Buffer.from(`peerloom proof 1 ${role} `), ours, theirs]);
}

function proofOf(identity: Identity, opened: Opened, role?: string): Buffer {
  return Buffer.concat([identity.publicKey, identity.sign(statement(opened, role))]);
}

suite('ids that are claimed, on plain TCP', () => {
  const scene = attackScene({ plain: true });

  async function assertRefused({ socket }: Opened, proof: Uint8Array): Promise<void> {
    let said = 0;
    socket.on('data', (bytes) => {
      said += bytes.length;
    });
    socket.write(Buffer.concat([proof, helloWith()]));
    await once(socket, 'close');
    assert.equal(said, 0, 'nothing is told to who is not authenticated');
  }

  test('a proof that is right opens the connection', async () => {
    const identity = Identity.generate();
    const opened = await open(scene.port);
    opened.socket.write(proofOf(identity, opened));
    const peer = new RawPeer(opened.socket, identity.id);
    await peer.greet();
    await scene.victim.event('connected', identity.id);
  });

  test('the key of another with a signature of our own', async () => {
    const opened = await open(scene.port);
    const somebody = Identity.generate().publicKey;
    const signature = Identity.generate().sign(statement(opened));
    await assertRefused(opened, Buffer.concat([somebody, signature]));
  });

  test('a signature with one bit changed', async () => {
    const opened = await open(scene.port);
    const proof = proofOf(Identity.generate(), opened);
    proof[proofBytes - 40]! ^= 1;
    await assertRefused(opened, proof);
  });

  test('zeros, and other things that are no key', async () => {
    for (const byte of [0, 0x7f, 0xff])
      await assertRefused(await open(scene.port), Buffer.alloc(proofBytes, byte));
  });

  test('a proof replayed from an earlier connection', async () => {
    const identity = Identity.generate();
    const earlier = await open(scene.port);
    const proof = proofOf(identity, earlier);
    earlier.socket.write(proof);
    await new RawPeer(earlier.socket, identity.id).greet();
    earlier.socket.destroy();
    await assertRefused(await open(scene.port, () => earlier.ours), proof);
  });

  test("the victim's own proof, reflected", async () => {
    const opened = await open(scene.port, (theirs) => theirs);
    assert.deepEqual(new Uint8Array(opened.proof.subarray(0, 32)), publicKeyFromId(scene.victimId));
    await assertRefused(opened, opened.proof);
  });

  test('a proof made for the other role', async () => {
    const opened = await open(scene.port);
    await assertRefused(opened, proofOf(Identity.generate(), opened, 'server'));
  });

  test('a proof over the nonces the wrong way round', async () => {
    const opened = await open(scene.port);
    const { ours, theirs } = opened;
    await assertRefused(opened, proofOf(Identity.generate(), { ...opened, ours: theirs, theirs: ours }));
  });
});
