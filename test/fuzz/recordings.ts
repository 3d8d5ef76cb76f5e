import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { createSecureContext } from 'node:tls';
import { Identity, Node } from '../../src/index.ts';
import { packetEnd } from '../../src/p2pnetwork/packet-reader.ts';
import { createCertificate } from '../../src/transport/tcp/certificate.ts';
import { dialProofBytes } from '../../src/transport/tcp/dial-proof.ts';
import { availableCompressions } from '../../src/wire/compression/compression.ts';
import { FrameKind, frameHeaderBytes, readUint32 } from '../../src/wire/frames/frame.ts';
import { helloWith, rawFrame } from '../integration/attacks/support/raw-peer.ts';
import { acceptTls } from '../integration/attacks/support/tls-listener.ts';

/** What a node says, byte for byte, to a listener that only listens: hello, accept and frames of every kind. */
export async function recordNode(): Promise<Buffer[]> {
  const said: Buffer[] = [];
  const secureContext = createSecureContext(createCertificate(Identity.generate()));
  const server = createServer((socket) => {
    const secured = acceptTls(socket, secureContext);
    secured.on('data', (bytes) => said.push(bytes));
    const compressions = availableCompressions();
    secured.write(Buffer.concat([helloWith({ compressions }), rawFrame(FrameKind.accept)]));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const node = new Node('127.0.0.1', 0, { name: 'recorded' });
  await node.start();
  const listener = await node.connectWithNode('127.0.0.1', (server.address() as AddressInfo).port);
  const text = 'text that repeats itself '.repeat(20);
  listener.send('text');
  listener.send({ a: [1, 'two', null], b: { c: true } });
  listener.send(Uint8Array.of(4, 0, 255));
  listener.send(Float32Array.of(1.5, Number.NaN));
  listener.send({ round: 3, weights: Float64Array.of(1, 2, 3) });
  for (const compression of availableCompressions()) listener.send(text, { compression });
  listener.send(new Uint8Array(300_000));
  const unanswered = [
    listener.request({ ask: 'me' }),
    listener.deliver('delivered'),
    listener.openStream({ name: 'a stream' }),
    listener.ping(),
  ];
  const settled = Promise.allSettled(unanswered);
  await node.stop();
  await settled;
  server.close();
  return cutIntoFrames(Buffer.concat(said).subarray(dialProofBytes));
}

/** The frames of a stream, each with its header. */
function cutIntoFrames(stream: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + frameHeaderBytes + readUint32(stream, at);
    frames.push(stream.subarray(at, end));
    at = end;
  }
  return frames;
}

/** What a node of the Python package says to the node that it dialled. */
export interface PythonRecording {
  /** Its id and its port, which nothing marks the end of. */
  readonly introduction: Buffer;
  /** Texts, JSON and bytes, plain and in each compression, each with its end. */
  readonly packets: readonly Buffer[];
}

/** Recorded from p2pnetwork 1.2 on Python 3, byte for byte. */
export function pythonRecording(): PythonRecording {
  const said = readFileSync(new URL('captures/p2pnetwork-1.2.bin', import.meta.url));
  const start = 'a node of its own:10001'.length;
  const packets: Buffer[] = [];
  for (let at = start; at < said.length; ) {
    const end = said.indexOf(packetEnd, at) + 1;
    packets.push(said.subarray(at, end));
    at = end;
  }
  return { introduction: said.subarray(0, start), packets };
}
