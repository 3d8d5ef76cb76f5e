import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';
import { aeadOf } from '../../../../src/transport/noise/aead.ts';
import { CipherState } from '../../../../src/transport/noise/cipher-state.ts';
import {
  MessageQueue,
  type MessageSocket,
  type SocketEnd,
} from '../../../../src/transport/websocket/message-socket.ts';
import {
  creditRecord,
  creditStepBytes,
  dataRecord,
  endRecord,
} from '../../../../src/transport/websocket/records.ts';
import { highWaterBytes } from '../../../../src/transport/websocket/sealed-socket.ts';
import { WebSocketLink } from '../../../../src/transport/websocket/web-socket-link.ts';
import { withCode } from '../../../support/errors.ts';
import { turns } from '../../../support/turns.ts';

class FakeSocket implements MessageSocket {
  bufferedBytes = 0;
  onMessage: (message: Uint8Array) => void = () => {};
  onEnd: (end: SocketEnd) => void = () => {};
  readonly sent: Uint8Array[] = [];
  /** Of the messages in `sent` that have a callback. */
  readonly callbacks: (() => void)[] = [];
  closedWith: number | undefined;
  isDestroyed = false;

  send(message: Uint8Array, sent?: () => void): void {
    this.sent.push(message);
    if (sent !== undefined) this.callbacks.push(sent);
  }

  close(code: number): void {
    this.closedWith = code;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.onEnd({ code: 1006 });
  }
}

function cipher(key: number): CipherState {
  return new CipherState(aeadOf('AESGCM'), new Uint8Array(32).fill(key));
}

function linkOver(
  socket: FakeSocket,
  runtime: VirtualRuntime,
  [sending, receiving]: readonly [CipherState, CipherState],
): WebSocketLink {
  return new WebSocketLink({
    socket,
    messages: new MessageQueue(socket),
    session: { hash: new Uint8Array(32), sending, receiving },
    remoteId: 'them',
    remoteAddress: { scheme: 'ws', host: '127.0.0.1', port: 1 },
    isOfOtherNetwork: false,
    limitsByAddress: true,
    startedAt: 0,
    runtime,
  });
}

/** A link, and the other side by hand. */
function linkByHand() {
  const socket = new FakeSocket();
  const runtime = new VirtualRuntime();
  const [theirSending, theirReceiving] = [cipher(2), cipher(1)];
  const link = linkOver(socket, runtime, [cipher(1), cipher(2)]);
  let outcome: { readonly error: Error | undefined } | undefined;
  void link.closed.then((error) => {
    outcome = { error };
  });
  return {
    link,
    socket,
    runtime,
    seal: (record: Uint8Array) => theirSending.seal(record),
    say: (record: Uint8Array) => socket.onMessage(theirSending.seal(record)),
    /** The records that the link has sent since this was asked last. */
    heard: () => socket.sent.splice(0).map((sealed) => theirReceiving.open(sealed)),
    outcome: () => outcome,
  };
}

const costOfPage = 65_518 + 256;

suite('a link over a WebSocket', () => {
  test('holds what arrives while it is paused, up to the window; beyond it, the link ends', async () => {
    const { link, say, outcome } = linkByHand();
    let received = 0;
    link.onMessage = ({ length }) => {
      received += length;
    };
    link.pause();
    let granted = 1_048_576;
    for (; granted >= costOfPage; granted -= costOfPage) say(dataRecord(new Uint8Array(65_518)));
    await turns(2);
    assert.deepEqual([received, outcome()], [0, undefined]);
    say(dataRecord(new Uint8Array(65_518)));
    await turns(2);
    assert.ok(withCode('ERR_PROTOCOL', /more than its credit/)(outcome()!.error));
    assert.equal(received, 0);
  });

  test('counts tiny records by what they take of memory', async () => {
    const { link, say, outcome } = linkByHand();
    link.onMessage = () => {};
    link.pause();
    for (let count = 0; count < 4_080; count++) say(dataRecord(new Uint8Array(1)));
    await turns(2);
    assert.equal(outcome(), undefined);
    say(dataRecord(new Uint8Array(1)));
    await turns(2);
    assert.ok(withCode('ERR_PROTOCOL', /more than its credit/)(outcome()!.error));
  });

  test('gives credit back once it owes 96 KiB, and not before it has delivered', () => {
    const { link, say, heard } = linkByHand();
    link.onMessage = () => {};
    say(dataRecord(new Uint8Array(60_000)));
    assert.deepEqual(heard(), []);
    link.pause();
    say(dataRecord(new Uint8Array(40_000)));
    assert.deepEqual(heard(), []);
    link.resume();
    assert.deepEqual(
      heard().map((record) => [...record]),
      [[...creditRecord(100_512)]],
    );
  });

  test('gives credit back while the other side can still be full, which waits for it', () => {
    assert.ok(creditStepBytes < highWaterBytes);
  });

  for (const pieceBytes of [100, 5_000, 65_536]) {
    test(`that is full of ${pieceBytes} bytes each has room once the other side has read them`, async () => {
      const runtime = new VirtualRuntime();
      const [ours, theirs] = [new FakeSocket(), new FakeSocket()];
      const link = linkOver(ours, runtime, [cipher(1), cipher(2)]);
      linkOver(theirs, runtime, [cipher(2), cipher(1)]).onMessage = () => {};
      while (link.send(new Uint8Array(pieceBytes))) {
        ours.bufferedBytes = ours.sent.reduce((bytes, { length }) => bytes + length, 0);
      }
      let hasRoom = false;
      void link.drained().then(() => {
        hasRoom = true;
      });
      for (const sealed of ours.sent.splice(0)) {
        ours.bufferedBytes -= sealed.length;
        theirs.onMessage(sealed);
      }
      for (const sealed of theirs.sent.splice(0)) ours.onMessage(sealed);
      await turns(2);
      assert.equal(hasRoom, true);
    });
  }

  test('gives the memory of a record back when it was delivered, unless others share it', () => {
    const { link, socket, seal } = linkByHand();
    const [alone, other] = [
      seal(dataRecord(new Uint8Array(10_000))),
      seal(dataRecord(new Uint8Array(10_000))),
    ];
    const shared = new Uint8Array([...other, 0]).subarray(0, other.length);
    const delivered: { readonly piece: Uint8Array; readonly length: number }[] = [];
    link.onMessage = (piece) => delivered.push({ piece, length: piece.length });
    link.pause();
    socket.onMessage(alone);
    socket.onMessage(shared);
    link.resume();
    assert.deepEqual([alone.length, shared.length], [0, other.length]);
    assert.deepEqual(
      delivered.map(({ piece, length }) => [piece.length, length]),
      [
        [0, 10_000],
        [0, 10_000],
      ],
    );
  });

  test('gives the memory of a record back when the socket has sent it, and not before', () => {
    const { link, socket } = linkByHand();
    const bytes = new Uint8Array(10_000);
    link.send(bytes);
    assert.equal(socket.sent[0]!.length, 1 + 10_000 + 16);
    for (const sent of socket.callbacks) sent();
    assert.equal(socket.sent[0]!.length, 0);
    assert.equal(bytes.length, 10_000);
  });

  test('sends as far as its credit goes, in records of one length, and tells when memory is free', async () => {
    const { link, say, heard } = linkByHand();
    let returned = 0;
    const pieces = 20;
    for (let count = 0; count < pieces; count++) {
      link.send(new Uint8Array(65_536), () => {
        returned += 1;
      });
    }
    const records = heard();
    assert.ok(records.every(({ length }) => length === 32_769));
    assert.equal(records.length, Math.floor(1_048_576 / (32_768 + 256)));
    assert.equal(returned, Math.floor(records.length / 2));
    let hasRoom = false;
    void link.drained().then(() => {
      hasRoom = true;
    });
    say(creditRecord(66_048));
    await turns(2);
    assert.deepEqual([heard().length, hasRoom], [2, false]);
    say(creditRecord(1_000_000));
    await turns(2);
    assert.deepEqual([returned, hasRoom], [pieces, true]);
  });

  test('is full while its socket has not passed on what it took', async () => {
    const { link, socket, say } = linkByHand();
    socket.bufferedBytes = 128 * 1024;
    assert.equal(link.send(new Uint8Array(65_000)), false);
    let hasRoom = false;
    void link.drained().then(() => {
      hasRoom = true;
    });
    socket.bufferedBytes = 0;
    say(creditRecord(65_256));
    await turns(2);
    assert.equal(hasRoom, true);
  });

  test('that ends without an end was cut off', async () => {
    const { link, socket, outcome } = linkByHand();
    link.onMessage = () => {};
    socket.onEnd({ code: 1006 });
    await turns(2);
    assert.ok(withCode('ERR_CONNECTION_CLOSED')(outcome()!.error));
  });

  test('delivers what came before the end, however long that takes, and then is closed', async () => {
    const { link, socket, say, heard, outcome } = linkByHand();
    const received: number[] = [];
    link.onMessage = ([first]) => received.push(first!);
    link.pause();
    say(dataRecord(Uint8Array.of(1)));
    say(endRecord());
    socket.onEnd({ code: 1000 });
    await turns(2);
    assert.deepEqual([received, outcome()], [[], undefined]);
    link.resume();
    await turns(2);
    assert.deepEqual([received, outcome()], [[1], { error: undefined }]);
    assert.deepEqual(heard(), [], 'the socket has ended');
  });

  test('answers an end, and waits a second for the other side to close', async () => {
    const { link, socket, runtime, say, heard, outcome } = linkByHand();
    link.onMessage = () => {};
    say(endRecord());
    assert.deepEqual(
      heard().map((record) => [...record]),
      [[2]],
    );
    assert.equal(socket.closedWith, 1000);
    await runtime.advance(999);
    assert.equal(socket.isDestroyed, false);
    await runtime.advance(1);
    assert.equal(socket.isDestroyed, true);
    await turns(2);
    assert.deepEqual(outcome(), { error: undefined });
  });

  test('closes once the credit lets it send the rest, or after the time that it may take', async () => {
    for (const isHeard of [true, false]) {
      const { link, socket, runtime, say, heard } = linkByHand();
      for (let count = 0; count < 40; count++) link.send(new Uint8Array(60_000));
      link.close(5_000);
      heard();
      assert.equal(socket.closedWith, undefined);
      if (isHeard) {
        for (let count = 0; count < 3; count++) {
          say(creditRecord(900_000));
          heard();
        }
        assert.equal(socket.closedWith, 1000);
      }
      await runtime.advance(5_000);
      assert.equal(socket.isDestroyed, true);
      assert.equal(socket.closedWith, isHeard ? 1000 : undefined);
    }
  });

  for (const [name, records] of Object.entries({
    'credit that it never had': [creditRecord(1_000)],
    'a kind that is unknown': [Uint8Array.of(9, 1)],
    'nothing at all': [new Uint8Array(0)],
    'more after the end': [endRecord(), endRecord()],
  })) {
    test(`ends when it hears ${name}`, async () => {
      const { link, say, outcome } = linkByHand();
      link.onMessage = () => {};
      for (const record of records) say(record);
      await turns(2);
      if (outcome() === undefined) assert.fail('it lasts');
      assert.ok(withCode('ERR_PROTOCOL')(outcome()!.error));
    });
  }
});
