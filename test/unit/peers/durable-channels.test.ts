import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FrameChannel } from '../../../src/channel/frame-channel.ts';
import type { Link } from '../../../src/index.ts';
import { DurableChannels } from '../../../src/peers/durable-channels.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

/** Channels that are kept, and that lose their links when the test says so. */
function start({ maxConnections = 3, maxInboundPerAddress = 2 } = {}) {
  const durable = new DurableChannels({
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
      giveUp: () => {
        channel.isSuspended = false;
        givenUp.push(id);
        closed.resolve();
      },
      lose: () => {
        channel.isSuspended = true;
        session.onLost();
      },
    };
    durable.keep(channel as unknown as FrameChannel);
    return channel;
  };
  return { durable, givenUp, keep };
}

test('as many are waited for as may be here; who was heard least goes, the latest of several', () => {
  const { givenUp, keep } = start();
  keep('honest', { heardBytes: 100 }).lose();
  for (const name of ['a', 'b', 'c', 'd']) keep(name, { heardBytes: 10 }).lose();
  assert.deepEqual(givenUp, ['c', 'd']);
  keep('talkative', { heardBytes: 1_000 }).lose();
  assert.deepEqual(givenUp, ['c', 'd', 'b']);
});

test('as many of one address; it pushes out no one else', () => {
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

test('a session is on offer to each node until it begins, to so many of them that memory has an end', () => {
  const { durable, keep } = start();
  const linkOf = (remoteId: string, protocol = 'tls') =>
    ({ remoteId, security: { protocol } }) as unknown as Link;
  const asked = { id: 'theirs', receivedBytes: 0, breaks: 0, resumed: false };
  const offers = Array.from({ length: 1_001 }, (_, index) => {
    const link = linkOf(`${index}`);
    return { link, asked: { ...asked, id: durable.answer(link, asked).id } };
  });
  assert.equal(durable.answer(offers[1_000]!.link, offers[1_000]!.asked).resumed, true);
  assert.deepEqual(durable.ask(offers[1_000]!.link, false), offers[1_000]!.asked, 'either side may dial');
  durable.answer(linkOf('1000', 'tcp'), asked);
  assert.equal(
    durable.answer(offers[1_000]!.link, offers[1_000]!.asked).resumed,
    true,
    'an offer over plain TCP does not take its place',
  );
  keep('1000');
  assert.equal(durable.answer(offers[1_000]!.link, offers[1_000]!.asked).resumed, false, 'it has begun');
  const areThere = offers.map(({ link, asked }) => durable.isOf(link, asked));
  assert.deepEqual([areThere.indexOf(true), areThere.lastIndexOf(true)], [2, 999]);
});
