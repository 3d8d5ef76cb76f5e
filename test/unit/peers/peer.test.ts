import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Security } from '../../../src/index.ts';
import { Peer } from '../../../src/peers/peer.ts';
import type { PeerConnection } from '../../../src/peers/peer-connection.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { turn } from '../../support/turns.ts';

const tls = { protocol: 'tls', encrypted: true, authenticated: true } as const;
const plain = { protocol: 'tcp', encrypted: false, authenticated: true } as const;
const python = { protocol: 'p2pnetwork', encrypted: false, authenticated: false } as const;

/** What the record of a peer looks at. */
interface Connection extends PeerConnection {
  readonly channel: PeerConnection['channel'] & { isOpen: boolean; isSuspended: boolean };
}

function connectionOf(instance: string, security: Security = tls, direction = 'inbound'): Connection {
  return { channel: { isOpen: true, isSuspended: false }, instance, security, direction } as Connection;
}

const newSession = { id: 'theirs', receivedBytes: 0, breaks: 0, resumed: false };

/** What the node `own` knows of the node `id`. */
function peerOf(own: string, id = 'a'): Peer {
  return new Peer(id, own, new VirtualRuntime());
}

/** A link, and the hello over it. */
const asks = (instance: string, replace = false, security: Security = tls) =>
  [{ security }, { instance, replace }] as const;

suite('the connection with a peer', () => {
  test('is there until it is removed', () => {
    const peer = peerOf('m');
    assert.equal(peer.state, 'absent');
    const connection = connectionOf('run 1');
    assert.equal(peer.adopt(connection), undefined);
    assert.equal(peer.connection, connection);
    assert.equal(peer.state, 'connected');
    peer.remove(connection);
    assert.equal(peer.connection, undefined);
    assert.equal(peer.state, 'absent');
  });

  test('gives way to a newer one, whose place the end of the older does not take', () => {
    const peer = peerOf('m');
    const [older, newer] = [connectionOf('run 1'), connectionOf('run 2')];
    peer.adopt(older);
    assert.equal(peer.adopt(newer), older);
    peer.remove(older);
    assert.equal(peer.connection, newer);
  });

  test('ends when it closes, or is left', () => {
    const peer = peerOf('m');
    const connection = connectionOf('run 1');
    peer.adopt(connection);
    assert.equal(peer.connected(), connection);
    connection.channel.isOpen = false;
    assert.deepEqual([peer.state, peer.connected()], ['ending', undefined]);
    connection.channel.isOpen = true;
    connection.isLeaving = true;
    assert.deepEqual([peer.state, peer.connected()], ['ending', undefined]);
    assert.equal(peer.connection, connection);
  });

  test('is suspended while its session has no link', () => {
    const peer = peerOf('m');
    const connection = connectionOf('run 1');
    peer.adopt(connection);
    connection.channel.isSuspended = true;
    assert.deepEqual([peer.state, peer.connected()], ['suspended', undefined]);
    connection.channel.isSuspended = false;
    assert.deepEqual([peer.state, peer.connected()], ['connected', connection]);
  });
});

suite('a peer that dials us', () => {
  test('is welcome when there is nothing between us', () => {
    assert.equal(peerOf('m').decide(...asks('run 1')), 'accept');
  });

  test('is refused while we are connected, unless it was restarted or says it has lost the connection', () => {
    const peer = peerOf('m');
    const connection = connectionOf('run 1');
    peer.adopt(connection);
    assert.equal(peer.decide(...asks('run 1')), 'refuse');
    assert.equal(peer.decide(...asks('run 2')), 'accept');
    assert.equal(peer.decide(...asks('run 1', true)), 'accept');
    connection.channel.isOpen = false;
    assert.equal(peer.decide(...asks('run 1')), 'accept', 'what closes stands in nobody’s way');
  });

  test('from a run that gave way to the present one is a conflict, whatever it says, while that one is here', () => {
    const peer = peerOf('m');
    peer.adopt(connectionOf('run 1'));
    const present = connectionOf('run 2');
    peer.adopt(present);
    assert.equal(peer.decide(...asks('run 1')), 'conflict');
    assert.equal(peer.decide(...asks('run 1', true)), 'conflict');
    assert.equal(peer.decide(...asks('run 2')), 'refuse');
    assert.equal(peer.decide(...asks('run 3')), 'accept');
    assert.equal(peer.rivalToTell(), present);
    assert.equal(peer.rivalToTell(), undefined, 'it is told once');
    present.channel.isOpen = false;
    assert.equal(peer.decide(...asks('run 1')), 'accept', 'only one of them is here');
  });

  test('from a run whose connection had ended before another one came is no conflict', () => {
    const peer = peerOf('m');
    const earlier = connectionOf('run 1');
    peer.adopt(earlier);
    earlier.channel.isOpen = false;
    peer.adopt(connectionOf('run 2'));
    assert.equal(peer.decide(...asks('run 1')), 'accept');
    assert.equal(peer.rivalToTell(), undefined, 'there is nothing to tell');
  });

  test('while we dial it: the dial of the lower id wins, on both sides', async () => {
    const lower = peerOf('a', 'z');
    const higher = peerOf('z', 'a');
    const { promise, resolve } = Promise.withResolvers<PeerConnection>();
    lower.dialling.begin(promise, tls);
    higher.dialling.begin(promise, tls);
    assert.equal(lower.decide(...asks('run 1')), 'refuse');
    assert.equal(higher.decide(...asks('run 1')), 'accept');
    assert.equal(lower.decide(...asks('run 1', true)), 'accept');
    resolve(connectionOf('run 1'));
    await turn();
    assert.equal(lower.decide(...asks('run 1')), 'accept', 'the dial is over');
  });
});

test('a dial uses the connection or the dial that is there, and otherwise says whether the peer may hold on to one', async () => {
  const peer = peerOf('m');
  const [link, plainLink] = [{ security: tls }, { security: plain }];
  assert.deepEqual(peer.decideDial(link, false), { is: 'free', replace: false });
  const { promise, resolve } = Promise.withResolvers<PeerConnection>();
  peer.dialling.begin(promise, plain);
  assert.deepEqual(peer.decideDial(plainLink, false), { is: 'under way', outcome: promise });
  assert.deepEqual(peer.decideDial(link, false), { is: 'free', replace: false }, 'that one promises less');
  assert.deepEqual(peer.decideDial(plainLink, true), { is: 'free', replace: true });
  const connection = connectionOf('run 1');
  resolve(connection);
  await turn();
  peer.adopt(connection);
  for (const security of [tls, plain]) {
    assert.deepEqual(peer.decideDial({ security }, false), { is: 'there', connection });
  }
  assert.deepEqual(peer.decideDial(link, true), { is: 'free', replace: true });
  assert.deepEqual(peer.decideDial(plainLink, true), { is: 'there', connection }, 'it must not be replaced');
  connection.channel.isSuspended = true;
  assert.deepEqual(peer.decideDial(plainLink, false), { is: 'outranked' });
  assert.deepEqual(
    peer.decideDial(link, false),
    { is: 'free', replace: true },
    'it has no session to resume',
  );
  connection.isLeaving = true;
  assert.deepEqual(peer.decideDial(plainLink, false), { is: 'free', replace: true });
});

test('of two that came up at once the one stays that the lower id dialled', () => {
  for (const [own, direction, stays] of [
    ['a', 'outbound', true],
    ['a', 'inbound', false],
    ['z', 'inbound', true],
    ['z', 'outbound', false],
  ] as const) {
    const peer = peerOf(own, 'm');
    const other = connectionOf('run 1', tls, direction);
    const opposite = direction === 'inbound' ? 'outbound' : 'inbound';
    const fresh = { instance: 'run 1', direction: opposite, security: tls } as const;
    assert.equal(peer.prevails(undefined, fresh), false, 'there is no other');
    peer.adopt(other);
    assert.equal(peer.prevails(undefined, fresh), stays);
    assert.equal(peer.prevails(other, fresh), false, 'it was there before');
    assert.equal(peer.prevails(undefined, { ...fresh, direction }), false, 'the same side dialled twice');
    assert.equal(peer.prevails(undefined, { ...fresh, instance: 'run 2' }), false, 'it was restarted');
  }
});

test('handshakes under way are remembered until they end, well or badly', async () => {
  const { dialling, answering } = peerOf('m');
  const first = Promise.withResolvers<PeerConnection>();
  const answer = Promise.withResolvers<PeerConnection | undefined>();
  dialling.begin(first.promise, tls);
  answering.begin(answer.promise, tls);
  assert.equal(dialling.outcome(tls), first.promise);
  assert.equal(answering.outcome(tls), answer.promise);
  const newer = Promise.withResolvers<PeerConnection>();
  dialling.begin(newer.promise, tls);
  first.reject(new Error('refused'));
  answer.resolve(undefined);
  await assert.rejects(first.promise);
  await turn();
  assert.equal(dialling.outcome(tls), newer.promise, 'a newer one is not forgotten with the older');
  assert.equal(answering.outcome(tls), undefined);
  newer.reject(new Error('refused'));
  await turn();
  assert.equal(dialling.outcome(tls), undefined);
});

suite('a link that promises less than another one', () => {
  const ladder = [tls, plain, python];
  const pairs = ladder.flatMap((more, at) => ladder.slice(at + 1).map((less) => [more, less] as const));

  for (const [more, less] of pairs) {
    const names = `${less.protocol} and ${more.protocol}`;

    test(`does not take its place, whatever the peer says, nor while it is suspended: ${names}`, () => {
      const peer = peerOf('m');
      const connection = connectionOf('run 1', more);
      peer.adopt(connection);
      for (const isSuspended of [false, true]) {
        connection.channel.isSuspended = isSuspended;
        assert.equal(peer.outranks(less), true);
        for (const instance of ['run 1', 'run 2']) {
          assert.equal(peer.decide(...asks(instance, false, less)), 'refuse');
          assert.equal(peer.decide(...asks(instance, true, less)), 'refuse');
          const session = peer.session.respond({ security: less }, newSession);
          const [link, hello] = asks(instance, false, less);
          assert.equal(peer.decide(link, { ...hello, session }), 'refuse', 'it resumes a session');
          const fresh = { instance, direction: 'inbound', security: less } as const;
          assert.equal(peer.prevails(undefined, fresh), true);
          assert.equal(peer.prevails(connection, fresh), true);
        }
      }
      connection.channel.isOpen = false;
      assert.equal(peer.outranks(less), false, 'what has ended is in nobody’s way');
    });

    test(`gives way to it, and is not taken for it: ${names}`, () => {
      const peer = peerOf('m');
      const connection = connectionOf('run 1', less);
      peer.adopt(connection);
      assert.equal(peer.connected(less), connection);
      assert.equal(peer.connected(more), undefined);
      assert.equal(peer.decide(...asks('run 1', false, more)), 'accept');
      const fresh = { instance: 'run 1', direction: 'inbound', security: more } as const;
      assert.equal(peer.prevails(undefined, fresh), false);
    });

    test(`is not joined by a dial for it, and leaves the dial under way alone: ${names}`, async () => {
      for (const own of ['b', 'z']) {
        const peer = peerOf(own, 'm');
        const { dialling, answering } = peer;
        const { promise, resolve } = Promise.withResolvers<PeerConnection>();
        dialling.begin(promise, less);
        answering.begin(promise, less);
        assert.equal(dialling.outcome(less), promise);
        assert.equal(dialling.outcome(more), undefined);
        assert.equal(answering.outcome(more), undefined);
        assert.equal(peer.decide(...asks('run 1', false, more)), 'accept');
        const stronger = Promise.withResolvers<PeerConnection>();
        dialling.begin(stronger.promise, more);
        dialling.begin(promise, less);
        assert.equal(dialling.outcome(less), stronger.promise);
        assert.equal(peer.decide(...asks('run 1', false, less)), 'refuse');
        resolve(connectionOf('run 1'));
        stronger.resolve(connectionOf('run 1'));
        await turn();
        assert.equal(dialling.outcome(less), undefined);
      }
    });
  }
});
