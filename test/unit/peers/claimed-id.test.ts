import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Link } from '../../../src/index.ts';
import { claimId } from '../../../src/peers/claimed-id.ts';
import { Peer } from '../../../src/peers/peer.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { turn } from '../../support/turns.ts';

const direct = { protocol: 'p2pnetwork', encrypted: false, authenticated: false } as const;
const proven = { protocol: 'tls', encrypted: true, authenticated: true } as const;

/** What is looked at of a link, and its end. */
function linkFrom(host: string, port: number, details: Partial<Link> = {}): { link: Link; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const remoteAddress = { scheme: undefined, host, port };
  const link = { remoteId: 'a host', remoteAddress, security: direct, closed: promise, ...details } as Link;
  return { link, end: () => resolve(undefined) };
}

/** Claims to the ids of a node's peers. */
function newClaims() {
  const peers = new Map<string, Peer>();
  let ended = 0;
  return {
    claim: (link: Link, direction: 'inbound' | 'outbound') => {
      const peer = peers.get(link.remoteId) ?? new Peer(link.remoteId, 'own', new VirtualRuntime());
      peers.set(link.remoteId, peer);
      return claimId(peer, link, direction, () => {
        ended += 1;
      });
    },
    get ended() {
      return ended;
    },
  };
}

suite('an id that is only claimed', () => {
  test('belongs to the place that claims it first, whoever dialled', () => {
    const claims = newClaims();
    const dialled = linkFrom('192.0.2.1', 10_001).link;
    const same = linkFrom('192.0.2.1', 50_000, { announcedPort: 10_001 }).link;
    assert.equal(claims.claim(dialled, 'outbound'), undefined);
    assert.equal(claims.claim(same, 'inbound'), undefined);
    for (const [link, direction] of [
      [linkFrom('192.0.2.1', 10_002).link, 'outbound'],
      [linkFrom('192.0.2.2', 10_001).link, 'outbound'],
      [linkFrom('192.0.2.1', 10_001, { announcedPort: 10_002 }).link, 'inbound'],
      [linkFrom('192.0.2.2', 50_000, { announcedPort: 10_001 }).link, 'inbound'],
      [linkFrom('192.0.2.1', 10_001, { announcedPort: 0 }).link, 'inbound'],
      [linkFrom('192.0.2.1', 10_001).link, 'inbound'],
    ] as const) {
      assert.equal(claims.claim(link, direction), '192.0.2.1:10001');
    }
    const other = linkFrom('192.0.2.2', 10_001, { remoteId: 'another' }).link;
    assert.equal(claims.claim(other, 'outbound'), undefined);
  });

  test('is free again once all links from there have ended', async () => {
    const claims = newClaims();
    const [first, second] = [linkFrom('::1', 1), linkFrom('::1', 1)];
    claims.claim(first.link, 'outbound');
    claims.claim(second.link, 'outbound');
    const elsewhere = linkFrom('::1', 2);
    first.end();
    await turn();
    assert.equal(claims.claim(elsewhere.link, 'outbound'), '[::1]:1');
    assert.equal(claims.ended, 0);
    second.end();
    await turn();
    assert.equal(claims.ended, 1);
    assert.equal(claims.claim(elsewhere.link, 'outbound'), undefined);
    assert.equal(
      claims.claim(first.link, 'outbound'),
      '[::1]:2',
      'who came too late had no claim to give up',
    );
  });

  test('of a node that does not say its port belongs to its host', () => {
    const claims = newClaims();
    assert.equal(claims.claim(linkFrom('192.0.2.1', 50_000).link, 'inbound'), undefined);
    assert.equal(claims.claim(linkFrom('192.0.2.1', 50_001).link, 'inbound'), undefined);
    assert.match(
      claims.claim(linkFrom('192.0.2.1', 10_001).link, 'outbound')!,
      /^192.0.2.1 \(which does not/,
    );
  });

  test('is no matter of links whose id is proven', () => {
    const claims = newClaims();
    for (const port of [1, 2]) {
      assert.equal(claims.claim(linkFrom('::1', port, { security: proven }).link, 'outbound'), undefined);
    }
    assert.equal(claims.claim(linkFrom('::1', 3).link, 'outbound'), undefined);
  });
});
