import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, scryptSync, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { Node, type NodeEventName, type NodeEvents, type NodeOptions, tcp } from '../../../src/index.ts';
import { certificateOf, idOf, newIdentity, type SecondIdentity } from './second-identity.ts';
import { SecondPeer } from './second-peer.ts';

type Role = 'client' | 'server';

export const preface = Buffer.from('PEERLM1\n');

/** Closed before the nodes that they talk with: those would wait for them. */
const peers = new Set<SecondPeer>();

/** A node of src that tests talk to; it speaks TLS and plain unless told otherwise. What its handlers assert counts. */
export async function startNode(t: TestContext, options: NodeOptions = {}): Promise<Node> {
  const node = new Node('127.0.0.1', 0, { transports: [tcp({ accept: ['tls', 'plain'] })], ...options });
  const failures: unknown[] = [];
  node.on('node_error', (error) => {
    if (error instanceof assert.AssertionError) failures.push(error);
  });
  await node.start();
  t.after(async () => {
    await Promise.all([...peers].map((peer) => peer.close()));
    await node.stop();
    if (failures.length > 0) throw failures[0];
  });
  return node;
}

/** What the next such event carries. */
export function eventOf<Name extends NodeEventName>(node: Node, name: Name): Promise<NodeEvents[Name]> {
  return new Promise((resolve) => node.once(name, (...args) => resolve(args)));
}

/** A TCP connection with the node. */
export function dialRaw({ port }: { readonly port: number }): SecondPeer {
  return tracked(connect({ host: '127.0.0.1', port, noDelay: true }));
}

/** Clauses 2.10 and 2.11, as the dialler. */
export async function dialPlain(node: Node, identity: SecondIdentity = newIdentity()): Promise<SecondPeer> {
  const peer = dialRaw(node);
  const nonce = randomBytes(32);
  peer.write(preface, nonce);
  assert.deepEqual(await peer.read(8), preface);
  await exchangeProofs(peer, identity, 'client', Buffer.concat([nonce, await peer.read(32)]));
  return peer;
}

/** A plain link, and the handshake over it. */
export async function connectPlain(
  node: Node,
  { identity, hello }: { identity?: SecondIdentity; hello?: Record<string, unknown> } = {},
): Promise<SecondPeer> {
  const peer = await dialPlain(node, identity);
  await peer.shakeHands(hello);
  return peer;
}

export interface SecondListener {
  readonly port: number;
  /** The next link that comes in, its ids proven; it has been idle since. */
  accept(): Promise<SecondPeer>;
}

/** A plain listener, for a node to dial as `tcp://127.0.0.1:port`. */
export async function listenPlain(
  t: TestContext,
  identity: SecondIdentity = newIdentity(),
): Promise<SecondListener> {
  const server = createServer();
  const arrivals: SecondPeer[] = [];
  let wake = (): void => {};
  server.on('connection', (socket) => {
    arrivals.push(tracked(socket));
    wake();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    async accept() {
      while (arrivals.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const peer = arrivals.shift()!;
      assert.deepEqual(await peer.read(8), preface);
      const theirs = await peer.read(32);
      const nonce = randomBytes(32);
      peer.write(preface, nonce);
      await exchangeProofs(peer, identity, 'server', Buffer.concat([theirs, nonce]));
      return peer;
    },
  };
}

/** Clauses 2.3 to 2.6, as the dialler. */
export async function dialTls(
  node: Node,
  options: ConnectionOptions & { identity?: SecondIdentity } = {},
): Promise<SecondPeer> {
  const { identity = newIdentity(), ...rest } = options;
  const socket = connectTls({
    host: '127.0.0.1',
    port: node.port,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['peerloom'],
    ...certificateOf(identity.privateKey),
    ...rest,
  });
  const peer = tracked(socket);
  await once(socket, 'secureConnect');
  const key = socket.getPeerX509Certificate()?.publicKey;
  if (key !== undefined) peer.remoteId = idOf(key.export({ format: 'der', type: 'spki' }).subarray(-32));
  return peer;
}

/** Clauses 2.7 to 2.9, as the dialler. */
export async function dialWithKey(node: Node, networkKey: string): Promise<SecondPeer> {
  const psk = preSharedKey(networkKey);
  const peer = await dialTls(node, {
    cert: undefined,
    key: undefined,
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
    pskCallback: () => ({ psk, identity: 'peerloom' }),
  });
  const socket = peer.socket as TLSSocket;
  assert.equal(socket.isSessionReused(), true, 'the key was used');
  const binding = socket.exportKeyingMaterial(32, 'EXPORTER-peerloom-proof', Buffer.alloc(0));
  await exchangeProofs(peer, newIdentity(), 'client', binding);
  return peer;
}

/** Clause 2.7. */
export function preSharedKey(networkKey: string): Buffer {
  const cost = { N: 32_768, r: 8, p: 1, maxmem: 2 ** 26 };
  return scryptSync(Buffer.from(networkKey), 'peerloom network key 1', 32, cost);
}

/** Clause 2.11. */
export async function exchangeProofs(
  peer: SecondPeer,
  identity: SecondIdentity,
  role: Role,
  binding: Buffer,
): Promise<void> {
  peer.write(proofOf(identity, role, binding));
  const theirs = await peer.read(96);
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), theirs.subarray(0, 32)]);
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const statement = statementOf(role === 'client' ? 'server' : 'client', binding);
  assert.ok(verify(null, statement, key, theirs.subarray(32)));
  peer.remoteId = idOf(theirs.subarray(0, 32));
}

export function proofOf(
  { publicKey, privateKey }: Omit<SecondIdentity, 'id'>,
  role: Role,
  binding: Buffer,
): Buffer {
  return Buffer.concat([publicKey, sign(null, statementOf(role, binding), privateKey)]);
}

function statementOf(role: Role, binding: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`peerloom proof 1 ${role} `), binding]);
}

/** A peer that ends with the test. */
export function tracked(socket: Socket): SecondPeer {
  const peer = new SecondPeer(socket);
  peers.add(peer);
  socket.once('close', () => peers.delete(peer));
  return peer;
}
