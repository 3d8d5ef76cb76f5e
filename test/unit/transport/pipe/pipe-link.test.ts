import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { suite, type TestContext, test } from 'node:test';
import { systemRuntime } from '../../../../src/base/runtime.ts';
import { PipeLink } from '../../../../src/transport/pipe/pipe-link.ts';
import { socketPair } from '../tcp/socket-pair.ts';

const security = { protocol: 'tcp', encrypted: false, authenticated: true } as const;
const remoteAddress = { scheme: undefined, host: '127.0.0.1', port: 1 };

/** A link over a plain socket, and the socket at its other end, which reads nothing. */
async function open(t: TestContext): Promise<{ link: PipeLink; other: Socket }> {
  const [socket, other] = await socketPair(t);
  const link = new PipeLink(socket, {
    remoteId: 'b',
    remoteAddress,
    security,
    startedAt: 0,
    runtime: systemRuntime,
  });
  return { link, other };
}

suite('what was sent is told', () => {
  test('at once where the system has taken it, so that a sender in a loop can use its memory again', async (t) => {
    const { link } = await open(t);
    let told = 0;
    for (let sent = 1; sent <= 10; sent++) {
      link.send(new Uint8Array(1_000), () => {
        told += 1;
      });
      assert.equal(told, sent);
    }
    await new Promise(setImmediate);
    assert.equal(told, 10, 'and once');
  });

  test('later where the system has not', async (t) => {
    const { link, other } = await open(t);
    let waiting = 0;
    const piece = new Uint8Array(64 * 1024);
    let hasRoom = true;
    while (hasRoom) {
      waiting += 1;
      hasRoom = link.send(piece, () => {
        waiting -= 1;
      });
    }
    assert.ok(waiting > 0);
    const drained = link.drained();
    other.resume();
    await drained;
    assert.ok(waiting <= 1, `${waiting} pieces are not told of`);
  });
});

suite('what was not sent is not told', () => {
  test('where the socket was destroyed, though it reports a write as done', async () => {
    let done!: (error?: Error | null) => void;
    // As versions of Node.js do that ask first whether the stream is destroyed, and then for the error of the write.
    const socket = new Duplex({
      read() {},
      write(_bytes, _encoding, callback) {
        done = callback;
      },
    }) as unknown as Socket;
    const link = new PipeLink(socket, {
      remoteId: 'b',
      remoteAddress,
      security,
      startedAt: 0,
      runtime: systemRuntime,
    });
    let told = 0;
    link.send(new Uint8Array(10), () => {
      told += 1;
    });
    link.destroy();
    done(null);
    await link.closed;
    assert.equal(told, 0);
  });

  test('where the write fails at once', async (t) => {
    const { link, other } = await open(t);
    let told = 0;
    other.resetAndDestroy();
    for (let sent = 0; sent < 3; sent++) {
      link.send(new Uint8Array(1_000), () => {
        told += 1;
      });
    }
    assert.match(String(await link.closed), /ECONNRESET|EPIPE/);
    assert.equal(told, 0);
  });
});

test('is full of tiny writes long before their bytes fill it: each costs memory of its own', async (t) => {
  const { link, other } = await open(t);
  const filling = new Uint8Array(16 * 1024);
  let underWay = 0;
  // Until the system takes no more, and the first piece waits in the process.
  while (underWay === 0) {
    underWay += 1;
    link.send(filling, () => {
      underWay -= 1;
    });
    await new Promise(setImmediate);
  }
  let tiny = 1;
  while (link.send(new Uint8Array(1)) && tiny < 10_000) tiny += 1;
  assert.ok(tiny > 10 && tiny < 100, `${tiny} writes`);
  const drained = link.drained();
  other.resume();
  await drained;
  assert.equal(link.send(new Uint8Array(1)), true);
});
