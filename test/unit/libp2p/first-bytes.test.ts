import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkFirstBytes } from '../../../src/libp2p/first-bytes.ts';

const header = Buffer.from('\x13/multistream/1.0.0\n');

/** A connection of libp2p that hands its reader what arrives. */
class FakeConnection extends EventTarget {
  readonly read: Uint8Array[] = [];
  readonly readBuffer: Uint8Array;
  aborted: string | undefined;

  constructor(arrivedBefore: Uint8Array = new Uint8Array(0)) {
    super();
    this.readBuffer = arrivedBefore;
  }

  onData(bytes: Uint8Array): void {
    this.read.push(bytes);
  }

  abort({ code }: Error & { code?: string }): void {
    this.aborted = code;
  }
}

async function watched(arrivedBefore?: Uint8Array): Promise<FakeConnection> {
  const connection = new FakeConnection(arrivedBefore);
  await checkFirstBytes().protect(connection as never);
  return connection;
}

suite('the first bytes of a connection of libp2p', () => {
  test('reach the reader wherever they are cut, also those that came before', async () => {
    for (let cut = 0; cut <= header.length; cut++) {
      const connection = await watched(header.subarray(0, cut));
      for (const byte of header.subarray(cut)) connection.onData(Uint8Array.of(byte));
      connection.onData(Buffer.from('whatever follows'));
      assert.equal(connection.aborted, undefined);
      assert.equal(Buffer.concat(connection.read).toString(), `${header.subarray(cut)}whatever follows`);
    }
  });

  test('that are wrong at any place end it, and reach nobody', async () => {
    for (let at = 0; at < header.length; at++) {
      const wrong = Buffer.from(header);
      wrong[at]! ^= 0x80;
      const connection = await watched();
      for (const byte of wrong.subarray(0, at + 1)) connection.onData(Uint8Array.of(byte));
      assert.equal(connection.aborted, 'ERR_NETWORK_MISMATCH');
      assert.equal(Buffer.concat(connection.read).length, at);
    }
  });

  test('that are sixteen of text or more are another protocol, fewer may be noise', async () => {
    for (const [text, code] of [
      ['GET / HTTP/1.1\r\n', 'ERR_HANDSHAKE'],
      ['GET / HTTP/1.1\r', 'ERR_NETWORK_MISMATCH'],
      ['GET / HTTP/1.1\x01\n', 'ERR_NETWORK_MISMATCH'],
    ] as const) {
      const connection = await watched();
      connection.onData(Buffer.from(text));
      assert.equal(connection.aborted, code);
    }
  });
});
