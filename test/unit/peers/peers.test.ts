import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FrameChannel } from '../../../src/channel/frame-channel.ts';
import type { Link } from '../../../src/index.ts';
import type { PeerConnection } from '../../../src/peers/peer-connection.ts';
import { Peers } from '../../../src/peers/peers.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { turn } from '../../support/turns.ts';

function linkOf(remoteId: string, protocol = 'tls'): Link {
  return { remoteId, security: { protocol } } as unknown as Link;
}

/** Channels that are kept, and that lose their links when the test says so. */
function start({ maxConnections = 3, maxInboundPerAddress = 2 } = {}) {
  const peers = new Peers({
    identity: { id: 'own' },
    maxConnections,
    limits: { maxInboundPerAddress },
    runtime: new VirtualRuntime(),
  });
  const givenUp: string[] = [];
  const keep = (id: string, { host = '127.0.0.1', heardBytes = 0, direction = 'inbound' } = {}) => {
    const closed = Promise.withResolvers<void>();
    const session = {
      id,
      remoteId: id,
      remoteAddress: { scheme: undefined, host, port: 1 },
      limitsByAddress: true,
      security: { protocol: 'tls' },
      heardBytes,
      closed: closed.promise,
      onLost: () => {},
    };
    const channel = {
      session,
      remote: { id, security: { protocol: 'tls' } },
      direction,
      isSuspended: false,
      endSuspended: () => {
        channel.isSuspended = false;
        givenUp.push(id);
        closed.resolve();
      },
      lose: () => {
        channel.isSuspended = true;
        session.onLost();
      },
    };
    const peer = peers.of(id);
    peer.session.keep({} as PeerConnection, channel as unknown as FrameChannel, {
      lost: (lost) => peers.limitSuspended(lost),
      ended: () => peers.release(peer),
    });
    return channel;
  };
  return { peers, givenUp, keep };
}

test('as many sessions may be suspended as may be connected; past that the latest goes of which the least was heard', () => {
  const { givenUp, keep } = start();
  keep('honest', { heardBytes: 100 }).lose();
  for (const name of ['a', 'b', 'c', 'd']) keep(name, { heardBytes: 10 }).lose();
  assert.deepEqual(givenUp, ['c', 'd']);
  keep('talkative', { heardBytes: 1_000 }).lose();
  assert.deepEqual(givenUp, ['c', 'd', 'b']);
});

test('as many of one address, which pushes out no other one', () => {
  const { givenUp, keep } = start();
  keep('honest', { host: '192.0.2.1' }).lose();
  for (const name of ['a', 'b', 'c', 'd']) keep(name, { host: '192.0.2.2', heardBytes: 10 }).lose();
  assert.deepEqual(givenUp, ['c', 'd']);
});

test('those that this node dialled, and those that have a link, do not count', () => {
  const { givenUp, keep } = start({ maxConnections: 1 });
  for (const name of ['a', 'b', 'c']) keep(name, { direction: 'outbound' }).lose();
  for (const name of ['d', 'e', 'f']) keep(name);
  keep('g').lose();
  assert.deepEqual(givenUp, []);
});

test('0 is no limit', () => {
  const { givenUp, keep } = start({ maxConnections: 0, maxInboundPerAddress: 0 });
  for (let index = 0; index < 50; index++) keep(`${index}`, { host: '192.0.2.1' }).lose();
  assert.deepEqual(givenUp, []);
});

test('a session is on offer to each peer until it begins, for links of one kind', () => {
  const { peers, keep } = start();
  const { session } = peers.of('b');
  const asked = { id: 'theirs', receivedBytes: 0, breaks: 0, resumed: false };
  const offered = { ...asked, id: session.respond(linkOf('b'), asked).id };
  assert.equal(session.respond(linkOf('b'), offered).resumed, true);
  assert.deepEqual(session.propose(linkOf('b'), false), offered, 'either side may dial');
  session.respond(linkOf('b', 'tcp'), asked);
  assert.equal(
    session.respond(linkOf('b'), offered).resumed,
    true,
    'an offer over plain TCP does not take its place',
  );
  assert.equal(session.resumesWith(linkOf('b', 'tcp'), offered), false);
  keep('b');
  assert.equal(session.respond(linkOf('b'), offered).resumed, false, 'it has begun');
});

suite('a peer with which nothing is left', () => {
  const asked = { id: 'theirs', receivedBytes: 0, breaks: 0, resumed: false };

  test('is forgotten, but not while something is under way or lasts', async () => {
    const { peers, keep } = start();
    const peer = peers.of('b');
    const connection = { channel: { isOpen: true, isSuspended: false } } as PeerConnection;
    const holds: Record<string, (isHeld: boolean) => void> = {
      arriving: (isHeld) => {
        peer.arriving = isHeld ? [linkOf('b')] : [];
      },
      handshakes: (isHeld) => {
        peer.handshakes = isHeld ? 1 : 0;
      },
      watches: (isHeld) => {
        peer.watches = isHeld ? 1 : 0;
      },
      claim: (isHeld) => {
        peer.claim = isHeld ? { place: 'x', links: new Set() } : undefined;
      },
      connection: (isHeld) => void (isHeld ? peer.adopt(connection) : peer.remove(connection)),
    };
    for (const hold of Object.values(holds)) hold(true);
    for (const [name, hold] of Object.entries(holds)) {
      peers.release(peer);
      assert.equal(peers.find('b'), peer, name);
      hold(false);
    }
    peers.release(peer);
    assert.deepEqual([peers.find('b'), peers.size], [undefined, 0]);
    const channel = keep('b');
    peers.release(peers.of('b'));
    assert.equal(peers.size, 1);
    channel.lose();
    channel.endSuspended();
    await turn();
    assert.equal(peers.size, 0);
  });

  test('has a new record when it comes back, which the end of the earlier one leaves alone', () => {
    const { peers } = start();
    const earlier = peers.of('b');
    peers.release(earlier);
    const present = peers.of('b');
    assert.notEqual(present, earlier);
    peers.release(earlier);
    assert.equal(peers.find('b'), present);
  });

  test('is remembered if a session is on offer to it, or another run of it was replaced', () => {
    const { peers } = start();
    peers.of('offered').session.respond(linkOf('offered'), asked);
    const channel = { isOpen: true, isSuspended: false };
    const runs = ['run 1', 'run 2'].map((instance) => ({ channel, instance }) as PeerConnection);
    const rival = peers.of('rival');
    for (const run of runs) rival.adopt(run);
    rival.remove(runs[1]!);
    for (const id of ['offered', 'rival', 'other']) peers.release(peers.of(id));
    assert.equal(peers.size, 2);
    assert.equal(peers.of('rival'), rival);
  });

  test('is remembered beside 999 others, the latest ones', () => {
    const { peers } = start();
    const visit = (id: string): void => {
      const peer = peers.of(id);
      peer.session.respond(linkOf(id), asked);
      peers.release(peer);
    };
    for (let index = 0; index < 1_000; index++) visit(`${index}`);
    visit('0');
    visit('1000');
    assert.equal(peers.size, 1_000);
    assert.deepEqual(
      ['0', '1', '2', '1000'].map((id) => peers.find(id) !== undefined),
      [true, false, true, true],
    );
    peers.of('2').handshakes = 1;
    for (let index = 2_000; index < 3_000; index++) visit(`${index}`);
    assert.equal(peers.size, 1_001, 'a dial is under way with one of them');
    assert.deepEqual([peers.find('1000'), peers.find('2')?.handshakes], [undefined, 1]);
  });
});
