import assert from 'node:assert/strict';
import { createHash, randomBytes, scryptSync, sign, verify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { Node, type NodeEventName, type NodeEvents, type NodeOptions, tcp } from '../../../src/index.ts';
import { idOf, keyOf, newIdentity, type SecondIdentity, signerOf } from './second-identity.ts';
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

/** Clause 2.11, as the dialler. */
export async function dialPlain(node: Node, identity: SecondIdentity = newIdentity()): Promise<SecondPeer> {
  const { peer, openings } = await openPlain(node, identity);
  peer.write(plainSignature(identity, 'client', openings));
  return peer;
}

/** What the two sides of a plain link say first. */
export interface Openings {
  readonly dialler: Buffer;
  readonly listener: Buffer;
}

/** The same up to the signature of the listener, which is right. */
export async function openPlain(
  node: Pick<Node, 'port'>,
  { publicKey }: Pick<SecondIdentity, 'publicKey'>,
): Promise<{ peer: SecondPeer; openings: Openings; signature: Buffer }> {
  const peer = dialRaw(node);
  const dialler = Buffer.concat([preface, randomBytes(32), publicKey]);
  peer.write(dialler);
  const listener = await peer.read(72);
  assert.deepEqual(listener.subarray(0, 8), preface);
  const openings = { dialler, listener };
  const signature = await peer.read(64);
  const key = keyOf(listener.subarray(40));
  assert.ok(verify(null, plainStatement('server', openings), key, signature));
  peer.remoteId = idOf(listener.subarray(40));
  return { peer, openings, signature };
}

export function plainSignature(
  { privateKey }: Pick<SecondIdentity, 'privateKey'>,
  role: Role,
  openings: Openings,
): Buffer {
  return sign(null, plainStatement(role, openings), privateKey);
}

export function plainStatement(role: Role, { dialler, listener }: Openings): Buffer {
  return Buffer.concat([Buffer.from(`peerloom plain proof 1 ${role} `), dialler, listener]);
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
      const dialler = await peer.read(72);
      assert.deepEqual(dialler.subarray(0, 8), preface);
      const listener = Buffer.concat([preface, randomBytes(32), identity.publicKey]);
      const openings = { dialler, listener };
      peer.write(listener, plainSignature(identity, 'server', openings));
      const key = keyOf(dialler.subarray(40));
      assert.ok(verify(null, plainStatement('client', openings), key, await peer.read(64)));
      peer.remoteId = idOf(dialler.subarray(40));
      return peer;
    },
  };
}

/** Clauses 2.3 to 2.6, as the dialler. */
export async function dialTls(
  node: Pick<Node, 'port'>,
  options: ConnectionOptions & { identity?: SecondIdentity; network?: string } = {},
): Promise<SecondPeer> {
  const { identity = newIdentity(), network = '', ...rest } = options;
  const { peer, certificateHash, listenerKey } = await openTls(node, rest);
  peer.write(dialProof(identity, { certificateHash, listenerKey, network }));
  return peer;
}

/** What both sides of a TLS link know before the dialler proves its id. */
export interface Dialled {
  readonly certificateHash: Buffer;
  readonly listenerKey: Buffer;
}

export interface OpenedTls extends Dialled {
  readonly peer: SecondPeer;
  /** What the listener showed. */
  readonly certificate: X509Certificate;
  readonly certificates: number;
}

/** The same without the proof. */
export async function openTls(node: Pick<Node, 'port'>, options: ConnectionOptions = {}): Promise<OpenedTls> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: node.port,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['peerloom'],
    ...options,
  });
  const peer = tracked(socket);
  await once(socket, 'secureConnect');
  let shown = socket.getPeerCertificate(true);
  const certificate = new X509Certificate(shown.raw);
  let certificates = 1;
  while (shown.issuerCertificate !== undefined && shown.issuerCertificate !== shown) {
    shown = shown.issuerCertificate;
    certificates += 1;
  }
  const listenerKey = signerOf(certificate);
  peer.remoteId = idOf(listenerKey);
  const certificateHash = sha256(certificate.raw);
  return { peer, certificate, certificates, listenerKey, certificateHash };
}

export interface DialProofFields extends Dialled {
  readonly network?: string;
  readonly nonce?: Buffer;
  /** The public key that it shows. Default: the one that signs. */
  readonly shown?: Buffer;
  readonly words?: string;
}

/** Clause 2.6. */
export function dialProof(
  { publicKey, privateKey }: Pick<SecondIdentity, 'publicKey' | 'privateKey'>,
  fields: DialProofFields,
): Buffer {
  const { certificateHash, listenerKey, network = '', nonce = randomBytes(16), shown = publicKey } = fields;
  const { words = 'peerloom dial proof 1 ' } = fields;
  const networkHash = sha256(Buffer.from(network));
  const statement = [Buffer.from(words), certificateHash, shown, listenerKey, networkHash, nonce];
  return Buffer.concat([shown, nonce, networkHash, sign(null, Buffer.concat(statement), privateKey)]);
}

export function checkDialProof(proof: Buffer, { certificateHash, listenerKey }: Dialled): Buffer {
  const publicKey = proof.subarray(0, 32);
  const nonce = proof.subarray(32, 48);
  const networkHash = proof.subarray(48, 80);
  const words = Buffer.from('peerloom dial proof 1 ');
  const statement = Buffer.concat([words, certificateHash, publicKey, listenerKey, networkHash, nonce]);
  assert.ok(verify(null, statement, keyOf(publicKey), proof.subarray(80)));
  return publicKey;
}

/** Of the certificate of a PEM text. */
export function hashOf(cert: string): Buffer {
  return sha256(new X509Certificate(cert).raw);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Clauses 2.7 to 2.9, as the dialler. */
export async function dialWithKey(node: Node, networkKey: string): Promise<SecondPeer> {
  const psk = preSharedKey(networkKey);
  const socket = connectTls({
    host: '127.0.0.1',
    port: node.port,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['peerloom'],
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
    pskCallback: () => ({ psk, identity: 'peerloom' }),
  });
  const peer = tracked(socket);
  await once(socket, 'secureConnect');
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

/** Clause 2.10. */
export async function exchangeProofs(
  peer: SecondPeer,
  identity: SecondIdentity,
  role: Role,
  binding: Buffer,
): Promise<void> {
  peer.write(proofOf(identity, role, binding));
  const theirs = await peer.read(96);
  const key = keyOf(theirs.subarray(0, 32));
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
