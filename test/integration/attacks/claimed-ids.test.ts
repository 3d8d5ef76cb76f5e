import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { Identity, publicKeyFromId } from '../../../src/identity/identity.ts';
import { tcp } from '../../../src/index.ts';
import { plainPreface } from '../../../src/transport/tcp/sniff.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { withCode } from '../../support/errors.ts';
import { Fixture } from '../../support/fixture.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { turns } from '../../support/turns.ts';
import { helloWith, RawPeer, rawFrame, rawSocket } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const openingBytes = plainPreface.length + 64;
const signatureBytes = 64;

/** A plain connection whose listener has proven its id. */
interface Opened {
  readonly socket: Socket;
  /** What the two sides said first. */
  readonly ours: Buffer;
  readonly theirs: Buffer;
  /** The signature of the other side. */
  readonly signature: Buffer;
}

function openingOf(publicKey: Uint8Array): Buffer {
  return Buffer.concat([plainPreface, randomBytes(32), publicKey]);
}

async function open(port: number, ours: Buffer): Promise<Opened> {
  const socket = rawSocket(port);
  socket.write(ours);
  let received = Buffer.alloc(0);
  while (received.length < openingBytes + signatureBytes) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, bytes]);
  }
  return {
    socket,
    ours,
    theirs: received.subarray(0, openingBytes),
    signature: received.subarray(openingBytes),
  };
}

function statement({ ours, theirs }: Pick<Opened, 'ours' | 'theirs'>, role = 'client'): Buffer {
  const [dialler, listener] = role === 'client' ? [ours, theirs] : [theirs, ours];
  return Buffer.concat([Buffer.from(`peerloom plain proof 1 ${role} `), dialler, listener]);
}

suite('ids that are claimed, on plain TCP', () => {
  const scene = attackScene({ plain: true });

  async function assertRefused({ socket }: Opened, signature: Uint8Array): Promise<void> {
    let said = 0;
    socket.on('data', (bytes) => {
      said += bytes.length;
    });
    socket.write(Buffer.concat([signature, helloWith()]));
    await once(socket, 'close');
    assert.equal(said, 0, 'nothing is told to who is not authenticated');
  }

  test('a proof that is right opens the connection', async () => {
    const identity = Identity.generate();
    const opened = await open(scene.port, openingOf(identity.publicKey));
    opened.socket.write(identity.sign(statement(opened)));
    const peer = new RawPeer(opened.socket, identity.id);
    await peer.greet();
    await scene.victim.event('connected', identity.id);
  });

  test('the key of another with a signature of our own', async () => {
    const opened = await open(scene.port, openingOf(Identity.generate().publicKey));
    await assertRefused(opened, Identity.generate().sign(statement(opened)));
  });

  test('a signature with one bit changed', async () => {
    const identity = Identity.generate();
    const opened = await open(scene.port, openingOf(identity.publicKey));
    const signature = identity.sign(statement(opened));
    signature[40]! ^= 1;
    await assertRefused(opened, signature);
  });

  test('zeros, and other things that are no key', async () => {
    for (const byte of [0, 0x7f, 0xff]) {
      const opened = await open(scene.port, openingOf(Buffer.alloc(32, byte)));
      await assertRefused(opened, Buffer.alloc(signatureBytes, byte));
    }
  });

  test('a proof replayed from an earlier connection', async () => {
    const identity = Identity.generate();
    const earlier = await open(scene.port, openingOf(identity.publicKey));
    const signature = identity.sign(statement(earlier));
    earlier.socket.write(signature);
    await new RawPeer(earlier.socket, identity.id).greet();
    earlier.socket.destroy();
    await assertRefused(await open(scene.port, earlier.ours), signature);
  });

  test("the victim's own proof, reflected", async () => {
    const publicKey = publicKeyFromId(scene.victimId);
    const opened = await open(scene.port, openingOf(publicKey));
    assert.deepEqual(new Uint8Array(opened.theirs.subarray(-32)), publicKey);
    await assertRefused(opened, opened.signature);
  });

  test('a proof made for the other role', async () => {
    const identity = Identity.generate();
    const opened = await open(scene.port, openingOf(identity.publicKey));
    await assertRefused(opened, identity.sign(statement(opened, 'server')));
  });

  test('a proof over the openings the wrong way round', async () => {
    const identity = Identity.generate();
    const opened = await open(scene.port, openingOf(identity.publicKey));
    const { ours, theirs } = opened;
    await assertRefused(opened, identity.sign(statement({ ours: theirs, theirs: ours })));
  });

  test('a proof for another listener', async () => {
    const identity = Identity.generate();
    const opened = await open(scene.port, openingOf(identity.publicKey));
    const theirs = Buffer.concat([opened.theirs.subarray(0, -32), Identity.generate().publicKey]);
    await assertRefused(opened, identity.sign(statement({ ...opened, theirs })));
  });
});

suite('a node that another one dials on plain TCP, and that passes on what it hears to a third one', () => {
  const both = () => ({ transports: [tcp({ accept: ['tls', 'plain'] })] });
  const middle = Identity.generate();

  /** What the node in the middle does with both ends; it speaks as the dialler once that has left. */
  type Behaviour = (near: Socket, far: Socket) => void;

  async function standBetween(
    t: TestContext,
    { port }: RecordingNode,
    behaviour: Behaviour,
  ): Promise<{ port: number; farEnded: Promise<unknown> }> {
    const farEnded = Promise.withResolvers<void>();
    const sockets: Socket[] = [];
    const server = createServer((near) => {
      const far = connect({ host: '127.0.0.1', port, noDelay: true });
      sockets.push(near, far);
      near.on('error', () => {});
      far.on('error', () => {}).once('close', () => farEnded.resolve());
      near.once('close', () => {
        far.resume();
        far.write(Buffer.concat([helloWith({ replace: true }), rawFrame(FrameKind.accept)]));
      });
      behaviour(near, far);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    Fixture.of(t).defer(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return { port: (server.address() as AddressInfo).port, farEnded: farEnded.promise };
  }

  async function assertNotTakenForTheDialler(t: TestContext, behaviour: Behaviour): Promise<void> {
    const [a, b] = await startNodes(t, 2, { options: both });
    const honest = await b.connectWithNode('127.0.0.1', a.port, { id: a.id });
    await a.event('inbound_node_connected');
    const between = await standBetween(t, a, behaviour);
    const dial = b.connectWithNode(`tcp://127.0.0.1:${between.port}`, { id: middle.id, timeoutMs: 2_000 });
    await assert.rejects(dial, withCode('ERR_ID_MISMATCH'));
    await between.farEnded;
    await turns();
    assert.equal(a.of('inbound_node_connected').length, 1, 'of the TLS connection');
    assert.deepEqual(a.of('inbound_node_disconnected'), []);
    await honest.deliver('still over TLS');
  }

  test('is not taken for the dialler, which proves nothing to a node that it did not mean', (t) =>
    assertNotTakenForTheDialler(t, (near, far) => {
      near.on('data', (bytes) => far.write(bytes));
      far.on('data', (bytes) => near.writable && near.write(bytes));
    }));

  test('nor with the proof that the dialler makes for it', async (t) => {
    const [a, b] = await startNodes(t, 2, { options: both });
    const passedOn = Promise.withResolvers<void>();
    const between = await standBetween(t, a, (near, far) => {
      let dialler = Buffer.alloc(0);
      near.on('data', (bytes) => {
        far.write(bytes);
        const had = dialler.length;
        dialler = Buffer.concat([dialler, bytes]);
        if (had >= openingBytes) passedOn.resolve();
        else if (dialler.length >= openingBytes) {
          const ours = openingOf(middle.publicKey);
          near.write(Buffer.concat([ours, middle.sign(statement({ ours, theirs: dialler }, 'server'))]));
        }
      });
    });
    const dial = b.connectWithNode(`tcp://127.0.0.1:${between.port}`, { id: middle.id, timeoutMs: 2_000 });
    const ended = assert.rejects(dial);
    await passedOn.promise;
    await between.farEnded;
    await b.stop();
    await ended;
    assert.deepEqual(a.of('inbound_node_connected'), []);
  });
});
