import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type BetterWaysDetails, betterConnection } from '../../../src/libp2p/better-ways.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { silentLog } from '../../support/silent-log.ts';

const relay = '/ip4/203.0.113.1/tcp/1/p2p/12D3KooWSrKnMZUcSxK8G7wmBbXdU8nFEfWGhLu6H8xjn8LmCSJb/p2p-circuit';

/** A node at the other end of a relayed connection that says where it listens, where nobody ever answers. */
function silentPeer(addresses: readonly string[]): { details: BetterWaysDetails; dials: AbortSignal[] } {
  const runtime = new VirtualRuntime();
  const dials: AbortSignal[] = [];
  const node = Object.assign(new EventTarget(), {
    services: {},
    getConnections: () => [],
    peerStore: { get: async () => ({ addresses: addresses.map((multiaddr) => ({ multiaddr })) }) },
    components: {
      transportManager: {
        dial: (_to: string, { signal }: { signal: AbortSignal }) => {
          dials.push(signal);
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      },
    },
  });
  const connection = { remotePeer: 'peer', remoteAddr: relay, direct: false };
  const engine = { node, multiaddr: (text: string) => text };
  const parts = { engine, connection, hasWebRtc: false, relayLimits: {}, runtime, log: silentLog };
  return { details: parts as unknown as BetterWaysDetails, dials };
}

suite('a better way to a peer', () => {
  test('that never answers is given up after 15 seconds, and tried again later', async () => {
    const { details, dials } = silentPeer(['/ip4/203.0.113.2/tcp/2']);
    const runtime = details.runtime as VirtualRuntime;
    const ending = new AbortController();
    const found = betterConnection(details, ending.signal);
    found.catch(() => {});
    await runtime.advance(14_999);
    assert.deepEqual([dials.length, dials[0]!.aborted], [1, false]);
    await runtime.advance(2);
    assert.equal(dials[0]!.aborted, true);
    await runtime.advance(10_000);
    assert.equal(dials.length, 2);
    ending.abort(new Error('the link has ended'));
    await assert.rejects(found, /the link has ended/);
    assert.equal(dials[1]!.aborted, true);
  });

  test('is one of eight addresses at a time, however many the peer names', async () => {
    const { details, dials } = silentPeer(
      Array.from({ length: 1_000 }, (_, index) => `/ip4/203.0.113.2/tcp/${index + 1}`),
    );
    const ending = new AbortController();
    const found = betterConnection(details, ending.signal);
    found.catch(() => {});
    await (details.runtime as VirtualRuntime).advance(10_000);
    assert.equal(dials.length, 8);
    ending.abort(new Error('the link has ended'));
  });
});
