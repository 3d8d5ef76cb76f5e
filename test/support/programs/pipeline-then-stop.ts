/** A pipeline into a stream succeeds, and its node stops before the other side has ended the stream. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { memory, Node } from '../../../src/index.ts';

const [sender, receiver] = ['sender', 'receiver'].map(
  (host) => new Node(host, 0, { transports: [memory()] }),
) as [Node, Node];
receiver.on('node_stream', () => {});
await Promise.all([sender.start(), receiver.start()]);
const connection = await sender.connectWithNode('receiver', receiver.port);
const stream = await connection.openStream();
await pipeline(Readable.from(['all of it']), stream.toDuplex());
await Promise.all([sender.stop(), receiver.stop()]);
await stream.closed.catch(({ code }) => console.log(`after the pipeline: ${code}`));
