import type { TestContext } from 'node:test';
import type { NodeOptions, PeerStream } from '../../src/index.ts';
import type { Engine } from './engines.ts';
import { startPair } from './start-nodes.ts';

/** Two nodes, their connection, and a stream from the first to the second. */
export async function startStream(t: TestContext, options: { engine?: Engine; options?: NodeOptions } = {}) {
  const { a, b, connection, reverse } = await startPair(t, options);
  const stream = await connection.openStream('test');
  const theirs = (await b.event('node_stream')).data as PeerStream;
  return { a, b, connection, reverse, stream, theirs };
}
