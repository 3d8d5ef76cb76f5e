import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { delay } from '../../clock.ts';
import type { Member } from '../../system.ts';

const topic = 'bench';

/** Gossipsub adds neighbours to its mesh while it has fewer (`Dlo`). */
const meshPeers = 4;

/** The class has more than its published interface. */
interface Inside {
  getMeshPeers(topic: string): readonly string[];
  readonly score: { duplicateMessage(...args: unknown[]): void };
}

/** A node with gossipsub, each message signed by its origin and checked, as by default. */
export async function createMember(onBroadcast: (body: Uint8Array) => void): Promise<Member> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Number.POSITIVE_INFINITY },
    connectionMonitor: { abortConnectionOnPingFailure: false },
    services: {
      identify: identify(),
      // All nodes have one address, for which it would punish them.
      pubsub: gossipsub({ scoreParams: { IPColocationFactorWhitelist: new Set(['127.0.0.1']) } }),
    },
  });
  const pubsub = node.services.pubsub as GossipSub & Inside;
  let copies = 0;
  const duplicateMessage = pubsub.score.duplicateMessage.bind(pubsub.score);
  pubsub.score.duplicateMessage = (...args) => {
    copies += 1;
    duplicateMessage(...args);
  };
  pubsub.addEventListener('message', ({ detail }) => onBroadcast(detail.data));
  pubsub.subscribe(topic);
  return {
    address: node.getMultiaddrs()[0]!.toString(),
    connect: (address) => node.dial(multiaddr(address)),
    async ready(neighbours) {
      const expected = Math.min(meshPeers, neighbours);
      while (pubsub.getMeshPeers(topic).length < expected) await delay(100);
    },
    broadcast: (body) => pubsub.publish(topic, body),
    copies: () => copies,
    stop: async () => node.stop(),
  };
}
