// The other process of transfer.py, in TypeScript: `peer.ts peerloom`, `peer.ts grpc` or `peer.ts grpc KEY CERTIFICATE`.
import { readFileSync } from 'node:fs';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { Node } from '../../dist/index.js';

const [system, keyFile, certificateFile] = process.argv.slice(2);

async function servePeerloom(): Promise<number> {
  const node = new Node('127.0.0.1', 0);
  node.on('node_request', (_peer, data) => data);
  node.on('node_stream', async (_peer, stream) => {
    const { bytes } = stream.header as { bytes: number };
    const whole = new Uint8Array(bytes);
    let at = 0;
    for await (const chunk of stream) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    const array = new Float32Array(whole.buffer);
    await stream.write(new Uint8Array(array.buffer));
    await stream.end();
  });
  await node.start();
  return node.port;
}

function serveGrpc(): Promise<number> {
  const unlimited = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
  const server = new Server(unlimited);
  const same = (bytes: Buffer): Buffer => bytes;
  const method = {
    path: '/bench/echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const echo = ({ request }: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
    const { buffer, byteOffset, length } = request;
    // A Float32Array begins at a multiple of 4.
    const isAligned = byteOffset % 4 === 0;
    const memory = isAligned ? buffer : buffer.slice(byteOffset, byteOffset + length);
    const array = new Float32Array(memory, isAligned ? byteOffset : 0, length / 4);
    answer(null, Buffer.from(array.buffer, array.byteOffset, array.byteLength));
  };
  server.addService({ echo: method }, { echo });
  const credentials =
    keyFile === undefined || certificateFile === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { private_key: readFileSync(keyFile), cert_chain: readFileSync(certificateFile) },
        ]);
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

console.log(await (system === 'peerloom' ? servePeerloom() : serveGrpc()));
