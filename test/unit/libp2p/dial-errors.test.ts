import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { StreamAbortEvent, StreamResetEvent } from '@libp2p/interface';
import { explainDial } from '../../../src/libp2p/dial-errors.ts';
import { parseMultiaddr } from '../../../src/libp2p/multiaddr-text.ts';

const id = '12D3KooWGzh4ckAJXjcdRrMpZCbM8YBLh8ZSGWnJSVjyU4JzWhUd';
const address = parseMultiaddr(`/ip4/192.0.2.1/tcp/4001/p2p/${id}/p2p-circuit/p2p/${id}`)!;
const encrypted = { isConnected: true, isEncrypted: true };

suite('a dial of libp2p that fails', () => {
  test('because the stream closed during the handshake says so, not the class of an event', () => {
    // libp2p rejects with the event itself. Bundlers shorten the names of classes.
    for (const event of [
      new StreamResetEvent(new Error('reset')),
      new StreamAbortEvent(new Error('no room')),
    ]) {
      const { code, message } = explainDial(event, address, encrypted) as Error & { code: string };
      assert.equal(code, 'ERR_CONNECTION_CLOSED');
      assert.match(message, /closed during the handshake/);
      assert.doesNotMatch(message, /instance of|Event/);
    }
    assert.match(
      explainDial(new StreamAbortEvent(new Error('no room')), address, encrypted).message,
      /no room/,
    );
  });

  test('over an encrypted connection, for another reason, is a failed handshake', () => {
    const error = explainDial(new Error('a strange answer'), address, encrypted) as Error & { code: string };
    assert.equal(error.code, 'ERR_HANDSHAKE');
    assert.match(error.message, /the handshake failed: a strange answer/);
  });
});
