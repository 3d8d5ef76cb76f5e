import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { WebCryptoCipher } from '../../../../src/transport/noise/web-crypto-cipher.ts';
import type { MessageSocket, SocketEnd } from '../../../../src/transport/websocket/message-socket.ts';
import { creditStepBytes, windowBytes } from '../../../../src/transport/websocket/records.ts';
import { SocketSealedLater } from '../../../../src/transport/websocket/sealed-socket.ts';
import { withCode } from '../../../support/errors.ts';
import { until } from '../../../support/turns.ts';

class FakeSocket implements MessageSocket {
  bufferedBytes = 0;
  onMessage: (message: Uint8Array) => void = () => {};
  onEnd: (end: SocketEnd) => void = () => {};
  /** Messages, and the code with which it was closed. */
  readonly out: (Uint8Array | number)[] = [];
  isDestroyed = false;

  send(message: Uint8Array): void {
    this.out.push(message);
  }

  close(code: number): void {
    this.out.push(code);
  }

  destroy(): void {
    this.isDestroyed = true;
    this.onEnd({ code: 1006 });
  }
}

const secrets = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;

function sealedSocket() {
  const socket = new FakeSocket();
  const events: unknown[] = [];
  const ciphers = { sending: new WebCryptoCipher(secrets[0]), receiving: new WebCryptoCipher(secrets[1]) };
  const sealed = new SocketSealedLater(socket, ciphers, {
    onRecord: (record) => events.push(record),
    onBroken: (cause) => events.push(cause),
    onEnd: ({ code }) => events.push(code),
  });
  return { socket, sealed, events, theirs: new WebCryptoCipher(secrets[1]) };
}

/** Long and short ones in turn: the short ones are sealed and opened sooner. */
const records = Array.from({ length: 20 }, (_, at) => new Uint8Array(at % 2 === 0 ? 60_000 : 5).fill(at));

suite('a socket whose records are sealed by WebCrypto', () => {
  test('sends in order, then closes, and counts what is not sent yet', async () => {
    const { socket, sealed } = sealedSocket();
    for (const record of records) sealed.send(record);
    sealed.close(1000);
    assert.equal(sealed.bufferedBytes, 10 * 60_005);
    await until(() => socket.out.length === records.length + 1, 'everything is sent');
    assert.equal(sealed.bufferedBytes, 0);
    const reader = new WebCryptoCipher(secrets[0]);
    const opened = await Promise.all(
      socket.out.slice(0, -1).map((record) => reader.open(record as Uint8Array)),
    );
    assert.deepEqual(opened, records);
    assert.equal(socket.out.at(-1), 1000);
  });

  test('is full when more waits than a credit gives back, so that its link learns when it has room', () => {
    const { sealed } = sealedSocket();
    assert.ok(creditStepBytes < sealed.highWaterBytes && sealed.highWaterBytes < windowBytes);
  });

  test('hands on in order, and the end last', async () => {
    const { socket, events, theirs } = sealedSocket();
    for (const record of await Promise.all(records.map((record) => theirs.seal(record)))) {
      socket.onMessage(record);
    }
    socket.onEnd({ code: 1001 });
    await until(() => events.length > records.length, 'the end');
    assert.deepEqual(events, [...records, 1001]);
  });

  test('hands on what comes before a record that was altered, and nothing after it', async () => {
    const { socket, events, theirs } = sealedSocket();
    const [first, altered, last] = await Promise.all(
      records.slice(0, 3).map((record) => theirs.seal(record)),
    );
    altered![0]! ^= 1;
    for (const record of [first!, altered!, last!]) socket.onMessage(record);
    socket.onEnd({ code: 1006 });
    await until(() => events.length >= 3, 'the end');
    assert.deepEqual(events[0], records[0]);
    assert.ok(events[1] instanceof Error);
    assert.deepEqual(events.slice(2), [1006]);
  });

  test('hands on nothing once it is destroyed, and still ends', async () => {
    const { socket, sealed, events, theirs } = sealedSocket();
    const record = await theirs.seal(records[0]!);
    sealed.send(records[0]!);
    socket.onMessage(record);
    sealed.destroy();
    await until(() => events.length > 0, 'the end');
    assert.deepEqual([events, socket.out, socket.isDestroyed], [[1006], [], true]);
  });

  test('keeps no more than twice the window of what it has not opened', () => {
    const { socket, events } = sealedSocket();
    const junk = new Uint8Array(65_535);
    const fitting = Math.floor((2 * windowBytes) / junk.length);
    for (let count = 0; count < fitting; count++) socket.onMessage(junk);
    assert.deepEqual(events, []);
    socket.onMessage(junk);
    assert.ok(withCode('ERR_PROTOCOL', /more than its credit/)(events[0]));
  });
});
