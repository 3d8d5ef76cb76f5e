import { once } from 'node:events';
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { FrameKind } from '../../../../src/wire/frames/frame.ts';
import { type Frame, FrameReader } from '../../../../src/wire/frames/frame-reader.ts';
import '../../../support/libp2p-engines.ts';
import { until, within } from '../../../support/turns.ts';
import { helloWith, rawFrame } from './raw-peer.ts';

const attackers = new Set<Libp2p>();

/** A node of libp2p that is none of ours, connected with the victim. */
export async function dialLibp2p(
  address: string,
  prepare?: (node: Libp2p) => Promise<void>,
): Promise<{ node: Libp2p; connection: Connection }> {
  const node = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  });
  attackers.add(node);
  await prepare?.(node);
  return { node, connection: await node.dial(multiaddr(address)) };
}

/** Ends what the tests have left open. */
export async function stopAttackers(): Promise<void> {
  const all = [...attackers];
  attackers.clear();
  await Promise.all(
    all.map(async (node) => {
      for (const connection of node.getConnections()) connection.abort(new Error('the test is over'));
      await node.stop();
    }),
  );
}

/** Resolves when a connection or a stream is over, whoever ended it. */
export async function isOver(one: Connection | Stream, timeoutMs: number): Promise<void> {
  if (one.status === 'open') await within(once(one, 'close'), 'the victim ends it', timeoutMs);
}

/** A stream of `/peerloom/1` that speaks the protocol by hand, as its dialler. */
export class LinkByHand {
  readonly frames: Frame[] = [];
  readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
    const reader = new FrameReader(
      (kind, format, compression, body) => void this.frames.push({ kind, format, compression, body }),
      { maxMessageBytes: 2 ** 26 },
    );
    stream.addEventListener('message', ({ data }) => reader.push(data.subarray().slice()));
  }

  async shakeHands(): Promise<void> {
    this.stream.send(helloWith());
    await this.has(FrameKind.accept);
    this.stream.send(rawFrame(FrameKind.accept));
  }

  async has(kind: number): Promise<void> {
    await until(
      () => this.frames.some((frame) => frame.kind === kind),
      `a frame of the kind ${kind}`,
      10_000,
    );
  }
}
