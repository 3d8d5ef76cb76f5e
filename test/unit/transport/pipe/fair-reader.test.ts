import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { beforeEach, suite, test } from 'node:test';
import { type Runtime, systemRuntime } from '../../../../src/base/runtime.ts';
import { PipeLink } from '../../../../src/transport/pipe/pipe-link.ts';
import { turn } from '../../../support/turns.ts';

/** Pieces so large that a link times the reading of each. */
const pieceOf = (text: string): Buffer => Buffer.from(text.padEnd(4_096));

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString().trimEnd();

const security = { protocol: 'tcp', encrypted: false, authenticated: true } as const;
const remoteAddress = { scheme: undefined, host: '127.0.0.1', port: 1 };

suite('links that read for long', () => {
  let nowMs: number;
  /** What waits for the next turn of the event loop. */
  let immediates: (() => void)[];
  let clockReads: number;
  let runtime: Runtime;
  let received: string[];

  beforeEach(() => {
    nowMs = 0;
    clockReads = 0;
    immediates = [];
    received = [];
    runtime = {
      ...systemRuntime,
      now: () => {
        clockReads++;
        return nowMs;
      },
      setTimeout(callback, delayMs) {
        assert.equal(delayMs, 0);
        immediates.push(callback);
        return { cancel: () => {} };
      },
    };
  });

  function nextTurn(): void {
    for (const callback of immediates.splice(0)) callback();
  }

  /** A link whose handling of each piece takes so long. */
  function linkTaking(costMs: number, name = '') {
    const socket = new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() }) as unknown as Socket;
    socket.on('error', () => {});
    const link = new PipeLink(socket, { remoteId: 'b', remoteAddress, security, startedAt: 0, runtime });
    link.onMessage = (bytes) => {
      received.push(name + textOf(bytes));
      nowMs += costMs;
    };
    /** As TLS does with all that it has, whether the socket is paused or not. */
    const arrive = (...pieces: string[]): void => {
      for (const piece of pieces) socket.emit('data', pieceOf(piece));
    };
    return { link, socket, arrive };
  }

  test('stop after 5 ms, and what TLS hands over after 10 ms waits for the next turn', () => {
    const { socket, arrive } = linkTaking(2);
    arrive('1', '2');
    assert.equal(socket.isPaused(), false);
    arrive('3');
    assert.equal(socket.isPaused(), true);
    arrive('4', '5', '6', '7', '8', '9');
    assert.deepEqual(received, ['1', '2', '3', '4', '5']);
    nextTurn();
    assert.deepEqual(received, ['1', '2', '3', '4', '5', '6', '7', '8']);
    assert.equal(socket.isPaused(), true);
    nextTurn();
    assert.deepEqual(received, ['1', '2', '3', '4', '5', '6', '7', '8', '9']);
    assert.equal(socket.isPaused(), false);
  });

  test('read on in the next turn where nothing is held', () => {
    const { socket, arrive } = linkTaking(5);
    arrive('1', '2');
    assert.deepEqual(received, ['1', '2']);
    assert.equal(socket.isPaused(), true);
    nextTurn();
    assert.equal(socket.isPaused(), false);
  });

  test('go on one in each turn, in the order of waiting', () => {
    const links = ['a', 'b', 'c'].map((name) => linkTaking(10, name));
    for (const { arrive } of links) arrive('1', '2');
    assert.deepEqual(received, ['a1', 'b1', 'c1']);
    for (const all of [['a2'], ['a2', 'b2'], ['a2', 'b2', 'c2']]) {
      nextTurn();
      assert.deepEqual(received.slice(3), all);
    }
  });

  test('keep copies: the memory of a piece is used again', () => {
    const { socket, arrive } = linkTaking(10);
    arrive('1');
    const piece = pieceOf('2');
    socket.emit('data', piece);
    piece.fill('x');
    nextTurn();
    assert.deepEqual(received, ['1', '2']);
  });

  test('go on in the next turn where they read for less than that in each', () => {
    const { socket, arrive } = linkTaking(4);
    for (let count = 0; count < 10; count++) {
      arrive('1');
      nextTurn();
    }
    assert.equal(received.length, 10);
    assert.equal(socket.isPaused(), false);
  });

  test('look at the clock seldom, and need no timer, where they read small messages', () => {
    const { socket } = linkTaking(0);
    const before = clockReads;
    let timers = 0;
    for (let count = 0; count < 400; count++) {
      socket.emit('data', Buffer.from('small'));
      timers += immediates.length;
      nextTurn();
    }
    assert.equal(timers, 0);
    assert.equal(received.length, 400);
    assert.ok(clockReads - before <= 60, `${clockReads - before} looks at the clock`);
  });

  test('that get many small pieces in one turn wait all the same', () => {
    const { socket } = linkTaking(1);
    for (let count = 0; count < 60; count++) socket.emit('data', Buffer.from('small'));
    assert.equal(socket.isPaused(), true);
    assert.ok(received.length < 20, `${received.length} were delivered`);
  });

  test('deliver nothing while they are paused, and go on when they are resumed', () => {
    const { link, socket, arrive } = linkTaking(10);
    arrive('1', '2', '3');
    link.pause();
    nextTurn();
    assert.deepEqual(received, ['1']);
    link.resume();
    nextTurn();
    nextTurn();
    assert.deepEqual(received, ['1', '2', '3']);
    nextTurn();
    assert.equal(socket.isPaused(), false);
  });

  test('that are paused by what they deliver hold the rest', () => {
    const { link, arrive } = linkTaking(10);
    arrive('1', '2', '3');
    link.onMessage = (bytes) => {
      received.push(textOf(bytes));
      link.pause();
    };
    nextTurn();
    assert.deepEqual(received, ['1', '2']);
    link.resume();
    nextTurn();
    assert.deepEqual(received, ['1', '2', '3']);
  });

  test('end when all that they hold is delivered', async () => {
    const { link, socket, arrive } = linkTaking(10);
    let isClosed = false;
    void link.closed.then(() => {
      isClosed = true;
    });
    arrive('1', '2');
    socket.destroy();
    await turn();
    await turn();
    assert.equal(isClosed, false);
    nextTurn();
    await turn();
    assert.deepEqual(received, ['1', '2']);
    assert.equal(isClosed, true);
  });

  test('that are destroyed deliver nothing more, and end', async () => {
    const { link, arrive } = linkTaking(10);
    arrive('1', '2');
    link.destroy();
    nextTurn();
    await link.closed;
    assert.deepEqual(received, ['1']);
  });

  test('end with the error of a handler that throws, and deliver nothing after it', async () => {
    const { link, arrive } = linkTaking(10);
    arrive('1', '2', '3');
    link.onMessage = (bytes) => {
      received.push(textOf(bytes));
      throw new Error('no more');
    };
    nextTurn();
    nextTurn();
    assert.match(String(await link.closed), /no more/);
    assert.deepEqual(received, ['1', '2']);
  });
});
