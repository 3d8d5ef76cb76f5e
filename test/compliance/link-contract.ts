import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Link } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { LinkEnd, openLine, transportContext } from '../support/links.ts';
import { turns, within } from '../support/turns.ts';
import type { Contract } from './transport.ts';

const mebibyte = 1024 * 1024;
const never = new AbortController().signal;

/** Bytes that tell where in the flow they belong. */
function flow(total: number, pieceBytes: (index: number) => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < total; ) {
    const length = Math.min(pieceBytes(pieces.length), total - at);
    const piece = new Uint8Array(length);
    for (let index = 0; index < length; index++) piece[index] = (at + index) % 251;
    pieces.push(piece);
    at += length;
  }
  return pieces;
}

const digest = (pieces: readonly Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
};

/** What `Transport` and `Link` promise, see src/transport/transport.ts. */
export const linkContract: Contract = {
  async 'a transport belongs to one node'(_t, engine) {
    const transport = engine.transport();
    transport.attach(transportContext(engine.networkKey));
    assert.throws(
      () => transport.attach(transportContext(engine.networkKey)),
      withCode('ERR_TRANSPORT_IN_USE'),
    );
    await transport.close();
  },

  async 'port 0 is a free one, and the address tells which'(t, engine) {
    const [one, other] = [await openLine(t, engine), await openLine(t, engine)];
    assert.ok(one.port > 0 && one.port <= 65_535);
    assert.notEqual(one.port, other.port);
    await one.link();
    await other.link();
  },

  async 'an address in use is refused'(t, engine) {
    const { port, dialler } = await openLine(t, engine);
    await assert.rejects(
      dialler.transport.listen({ scheme: undefined, host: engine.host, port }, () => {}),
      withCode('ERR_ADDRESS_IN_USE'),
    );
  },

  async 'an address is free again once its listener has closed'(t, engine) {
    const { port, dialler, listener } = await openLine(t, engine);
    await listener.transport.close();
    const address = { scheme: undefined, host: engine.host, port };
    const [bound] = await dialler.transport.listen(address, () => {});
    assert.deepEqual([bound!.host, bound!.port], [engine.host, port]);
  },

  async 'a transport that has closed listens again'(t, engine) {
    const { port, dialler, listener, link } = await openLine(t, engine);
    await link();
    await listener.transport.close();
    const links = Promise.withResolvers<Link>();
    const address = { scheme: undefined, host: engine.host, port };
    await listener.transport.listen(address, links.resolve);
    const [ours, theirs] = await Promise.all([dialler.transport.dial(address, never), links.promise]);
    const there = new LinkEnd(theirs);
    ours.onMessage = () => {};
    ours.send(new Uint8Array(3));
    await there.arrived(3);
  },

  async 'nobody there is a refused connection'(t, engine) {
    const { port, dialler, listener } = await openLine(t, engine);
    await listener.transport.close();
    await assert.rejects(
      dialler.transport.dial({ scheme: undefined, host: engine.host, port }, never),
      withCode('ERR_CONNECTION_REFUSED'),
    );
  },

  async 'both ends know the id of the other'(t, engine) {
    const line = await openLine(t, engine);
    const { ours, theirs } = await line.link();
    assert.equal(ours.link.remoteId, line.listener.context.identity.id);
    assert.equal(theirs.link.remoteId, line.dialler.context.identity.id);
    assert.deepEqual(ours.link.security, theirs.link.security);
    assert.equal(ours.link.security.authenticated, true);
    assert.equal(ours.link.remoteAddress.port, line.port);
    assert.notEqual(theirs.link.remoteAddress.host, '');
  },

  async 'bytes arrive in order, whatever the pieces'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const small = flow(400_000, (index) => 1 + ((index * 37) % 400));
    const large = flow(3 * mebibyte + 7, (index) => [1, 65_536, 17, 300_001, 16_384][index % 5]!);
    await Promise.all([ours.sendAll(large), theirs.sendAll(small)]);
    await Promise.all([theirs.arrived(3 * mebibyte + 7), ours.arrived(400_000)]);
    assert.equal(digest(theirs.pieces), digest(large));
    assert.equal(digest(ours.pieces), digest(small));
  },

  async 'memory may be used again when the link says so, and once'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const memory = new Uint8Array(50_000);
    const rounds = 40;
    let returned = 0;
    for (let round = 0; round < rounds; round++) {
      memory.fill(round);
      await within(
        new Promise<void>((resolve) => {
          ours.link.send(memory, () => {
            returned += 1;
            resolve();
          });
        }),
        'the memory comes back',
      );
      memory.fill(0xee);
    }
    await theirs.arrived(rounds * memory.length);
    const expected = Array.from({ length: rounds }, (_, round) => new Uint8Array(memory.length).fill(round));
    assert.equal(digest(theirs.pieces), digest(expected));
    assert.equal(returned, rounds);
  },

  async 'memory that comes back is not read any more, however full the link is'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const pieceBytes = 60_000;
    const rounds = 300;
    const free: Uint8Array[] = [];
    theirs.link.pause();
    for (let round = 0; round < rounds; round++) {
      // The other side reads from time to time, so that the link is full, and has room again, many times.
      if (round % 60 === 59) theirs.link.resume();
      if (round % 60 === 0) theirs.link.pause();
      const memory = free.pop() ?? new Uint8Array(pieceBytes);
      memory.fill(round);
      ours.link.send(memory, () => {
        memory.fill(0xee);
        free.push(memory);
      });
      if (round % 7 === 0) await turns(1);
    }
    theirs.link.resume();
    await theirs.arrived(rounds * pieceBytes);
    const expected = Array.from({ length: rounds }, (_, round) => new Uint8Array(pieceBytes).fill(round));
    assert.equal(digest(theirs.pieces), digest(expected));
  },

  async 'memory that a destroyed link still held, or is sent afterwards, never comes back'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    theirs.link.pause();
    let returned = 0;
    for (let index = 0; index < 320; index++) {
      ours.link.send(new Uint8Array(100_000), () => {
        returned += 1;
      });
    }
    await turns();
    ours.link.destroy();
    const returnedBefore = returned;
    ours.link.send(new Uint8Array(100_000), () => {
      returned += 1;
    });
    await within(ours.link.closed, 'this side ends');
    await turns();
    assert.equal(returned, returnedBefore);
  },

  async 'what arrives never lies in the memory of the sender, also where that is a Buffer'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const memory = Buffer.alloc(1_000, 'x');
    const arrived = Promise.withResolvers<ArrayBufferLike>();
    theirs.link.onMessage = ({ buffer }) => arrived.resolve(buffer);
    ours.link.send(memory);
    assert.notEqual(await within(arrived.promise, 'it arrives'), memory.buffer);
  },

  async 'a side that pauses holds the other back, in bounded memory'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const piece = new Uint8Array(65_536);
    theirs.link.pause();
    let sent = 0;
    let isFull = false;
    while (!isFull && sent < 64 * mebibyte) {
      sent += piece.length;
      if (ours.link.send(piece)) continue;
      // Full for good once it has not drained for many turns.
      isFull = await Promise.race([ours.link.drained().then(() => false), turns(400).then(() => true)]);
    }
    assert.ok(sent < 32 * mebibyte, `a paused receiver let ${sent} bytes be sent`);
    await turns();
    assert.equal(theirs.received, 0, 'nothing arrives while paused');
    const drained = ours.link.drained();
    theirs.link.resume();
    await within(drained, 'the sender has room again');
    await theirs.arrived(sent);
    assert.equal(theirs.received, sent);
    assert.equal(ours.link.send(Uint8Array.of(1)), true);
    await theirs.arrived(sent + 1);
  },

  async 'a side can pause and resume again and again'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const pieces = flow(2 * mebibyte, () => 10_000);
    const sending = ours.sendAll(pieces);
    for (let round = 1; round <= 8; round++) {
      await theirs.arrived((round * mebibyte) / 8);
      theirs.link.pause();
      await turns(3);
      theirs.link.resume();
    }
    await sending;
    await theirs.arrived(2 * mebibyte);
    assert.equal(digest(theirs.pieces), digest(pieces));
  },

  async 'a listener may pause its link: nothing more arrives until it resumes'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const pieces = flow(24 * mebibyte, () => 65_536);
    const { onMessage } = theirs.link;
    let isPaused = false;
    let arrivedWhilePaused = 0;
    theirs.keeps = false;
    theirs.link.onMessage = (bytes) => {
      if (isPaused) arrivedWhilePaused += 1;
      onMessage(bytes);
      isPaused = true;
      theirs.link.pause();
      setImmediate(() => {
        isPaused = false;
        theirs.link.resume();
      });
    };
    await Promise.all([ours.sendAll(pieces), theirs.arrived(24 * mebibyte)]);
    assert.equal(arrivedWhilePaused, 0);
    assert.equal(theirs.received, 24 * mebibyte);
  },

  async 'closing sends what was sent before, then ends both sides in order'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const pieces = flow(8 * mebibyte, () => 100_000);
    for (const piece of pieces) ours.link.send(piece);
    ours.link.close(10_000);
    assert.equal(await within(theirs.link.closed, 'the other side ends'), undefined);
    assert.equal(await within(ours.link.closed, 'this side ends'), undefined);
    assert.equal(digest(theirs.pieces), digest(pieces));
  },

  async 'what is sent after closing is dropped, and harms nothing'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const pieces = flow(2 * mebibyte, () => 100_000);
    for (const piece of pieces) ours.link.send(piece);
    ours.link.close(10_000);
    ours.link.send(new Uint8Array(1_000));
    await within(ours.link.closed, 'this side ends');
    assert.equal(await within(theirs.link.closed, 'the other side ends'), undefined);
    assert.equal(digest(theirs.pieces), digest(pieces));
  },

  async 'a side that closes no longer hears the other'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    theirs.link.send(new Uint8Array(100_000));
    ours.link.close(10_000);
    theirs.link.send(new Uint8Array(100_000));
    await within(Promise.all([ours.link.closed, theirs.link.closed]), 'both sides end');
    assert.equal(ours.received, 0);
  },

  async 'a listener that throws ends its link with that error, and nothing else'(t, engine) {
    const line = await openLine(t, engine);
    const [one, other] = [await line.link(), await line.link()];
    const error = new Error('the listener failed');
    one.theirs.link.onMessage = () => {
      throw error;
    };
    one.ours.link.send(new Uint8Array(100));
    assert.equal(await within(one.theirs.link.closed, 'the link ends'), error);
    await within(one.ours.link.closed, 'the other side ends');
    other.ours.link.send(new Uint8Array(100));
    await other.theirs.arrived(100);
  },

  async 'a side that has closed, or was destroyed, calls no listener, not even a new one'(t, engine) {
    const line = await openLine(t, engine);
    for (const end of ['close', 'destroy'] as const) {
      const { ours, theirs } = await line.link();
      let calls = 0;
      theirs.link.pause();
      ours.link.send(new Uint8Array(100_000));
      await turns();
      theirs.link[end](10_000);
      theirs.link.onMessage = () => {
        calls += 1;
      };
      theirs.link.readTarget = () => {
        calls += 1;
        return undefined;
      };
      ours.link.send(new Uint8Array(100_000));
      ours.link.close(10_000);
      await within(Promise.all([ours.link.closed, theirs.link.closed]), 'both sides end');
      assert.equal(calls, 0, end);
    }
  },

  async 'closing takes no longer than it may'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    theirs.link.pause();
    for (let index = 0; index < 320; index++) ours.link.send(new Uint8Array(100_000));
    ours.link.close(50);
    await within(ours.link.closed, 'this side ends although the other reads nothing');
    theirs.link.resume();
    await within(theirs.link.closed, 'the other side ends');
  },

  async 'both sides may close at once'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    for (const { link } of [ours, theirs]) link.send(new Uint8Array(100_000));
    for (const { link } of [ours, theirs]) link.close(10_000);
    await within(Promise.all([ours.link.closed, theirs.link.closed]), 'both sides end');
  },

  async 'destroying ends both sides; nothing arrives after the end'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    const pieces = flow(8 * mebibyte, () => 100_000);
    for (const piece of pieces) ours.link.send(piece);
    ours.link.destroy();
    await within(Promise.all([ours.link.closed, theirs.link.closed]), 'both sides end');
    const { received } = theirs;
    assert.ok(received < 8 * mebibyte, 'what waited is dropped');
    for (const { link } of [ours, theirs]) {
      link.send(Uint8Array.of(1));
      await within(link.drained(), 'who waits for room is let go');
      link.pause();
      link.resume();
      link.close(1);
      link.destroy();
    }
    await turns();
    assert.equal(theirs.received, received);
    assert.equal(ours.received, 0);
  },

  async 'who waits for room is let go when the link ends'(t, engine) {
    const { ours, theirs } = await (await openLine(t, engine)).link();
    theirs.link.pause();
    let waiting: Promise<void> | undefined;
    for (let index = 0; index < 320; index++) {
      if (!ours.link.send(new Uint8Array(100_000))) waiting = ours.link.drained();
    }
    assert.ok(waiting !== undefined, 'the link was full');
    ours.link.destroy();
    await within(waiting, 'drained() settles');
  },

  async 'a dial that was aborted before it began fails with the reason'(t, engine) {
    const { port, dialler, accepted } = await openLine(t, engine);
    const reason = new Error('changed my mind');
    const dial = dialler.transport.dial(
      { scheme: undefined, host: engine.host, port },
      AbortSignal.abort(reason),
    );
    await assert.rejects(dial, reason);
    await turns();
    assert.equal(accepted.length, 0);
  },

  async 'an aborted dial ends at once'(t, engine) {
    const { port, dialler } = await openLine(t, engine);
    const reason = new Error('changed my mind');
    let aborted = 0;
    for (const afterTurns of [0, 1, 2, 3, 4, 5, 6]) {
      const controller = new AbortController();
      const dial = dialler.transport.dial({ scheme: undefined, host: engine.host, port }, controller.signal);
      const isDone = await Promise.race([dial.then(() => true), turns(afterTurns).then(() => false)]);
      if (isDone) break;
      controller.abort(reason);
      await assert.rejects(within(dial, 'the dial ends'), (error) => error === reason);
      aborted += 1;
    }
    assert.ok(aborted > 0);
  },

  async 'closing a transport ends its listener and all its links'(t, engine) {
    const line = await openLine(t, engine);
    const links = [await line.link(), await line.link()];
    await within(line.listener.transport.close(), 'the transport closes');
    for (const { ours, theirs } of links) {
      await within(ours.link.closed, 'the links of the other side end as well');
      await theirs.link.closed;
    }
    await assert.rejects(line.link(), withCode('ERR_CONNECTION_REFUSED'));
    await within(line.listener.transport.close(), 'closing again is as good');
  },

  async 'a transport that nothing was done with can be closed'(t, engine) {
    const transport = engine.transport();
    transport.attach(transportContext(engine.networkKey));
    Fixture.of(t);
    await within(transport.close(), 'it closes');
  },
};
