import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { readExactly } from '../../../../src/transport/pipe/read-exactly.ts';
import { plainPreface, protocolOf, sniff } from '../../../../src/transport/tcp/sniff.ts';
import { withCode } from '../../../support/errors.ts';
import { within } from '../../../support/turns.ts';
import { socketPair } from './socket-pair.ts';

/** What a socket has left to be read. */
function rest(socket: Socket): string {
  return String(socket.read() ?? '');
}

suite('the first bytes of a connection', () => {
  test('tell the protocol as soon as they can', () => {
    assert.equal(protocolOf(new Uint8Array(0)), undefined);
    assert.equal(protocolOf(Uint8Array.of(0x16)), 'tls');
    for (let length = 1; length < plainPreface.length; length++) {
      assert.equal(protocolOf(plainPreface.subarray(0, length)), undefined);
      const wrong = Buffer.from(plainPreface.subarray(0, length));
      wrong[length - 1]! += 1;
      assert.equal(protocolOf(wrong), 'unknown', `${length} bytes`);
    }
    assert.equal(protocolOf(plainPreface), 'plain');
    assert.equal(protocolOf(Buffer.concat([plainPreface, Buffer.from('more')])), 'plain');
  });

  test('are waited for byte by byte, and stay to be read', async (t) => {
    const [dialled, accepted] = await socketPair(t);
    const sniffed = sniff(accepted.resume());
    for (const byte of plainPreface) {
      dialled.write(Uint8Array.of(byte));
      await once(accepted, 'data');
    }
    assert.equal(await within(sniffed, 'the protocol is known'), 'plain');
    assert.equal(rest(accepted), String(plainPreface));
  });
});

for (const [name, read] of [
  ['sniff', (socket: Socket): Promise<unknown> => sniff(socket.resume())],
  ['readExactly', (socket: Socket): Promise<unknown> => readExactly(socket, 100)],
] as const) {
  suite(`${name} fails with ERR_CONNECTION_CLOSED`, () => {
    test('when the connection was destroyed before', async (t) => {
      const [, accepted] = await socketPair(t);
      accepted.destroy();
      await once(accepted, 'close');
      await assert.rejects(within(read(accepted), 'it fails'), withCode('ERR_CONNECTION_CLOSED'));
    });

    test('when it had ended before', async (t) => {
      const [dialled, accepted] = await socketPair(t);
      accepted.allowHalfOpen = true;
      dialled.end();
      accepted.resume();
      await once(accepted, 'end');
      await assert.rejects(within(read(accepted), 'it fails'), withCode('ERR_CONNECTION_CLOSED'));
    });

    test('when it ends, or breaks, before there are enough bytes', async (t) => {
      for (const end of ['end', 'resetAndDestroy'] as const) {
        const [dialled, accepted] = await socketPair(t);
        const reading = read(accepted);
        dialled.write('P');
        await once(accepted, 'data');
        dialled[end]();
        await assert.rejects(within(reading, 'it fails'), withCode('ERR_CONNECTION_CLOSED'));
      }
    });
  });
}

test('readExactly takes so many bytes, however they come, and leaves what follows', async (t) => {
  const [dialled, accepted] = await socketPair(t);
  const reading = readExactly(accepted, 6);
  dialled.write('abc');
  await once(accepted, 'data');
  dialled.write('defgh');
  assert.equal(String(await within(reading, 'they arrive')), 'abcdef');
  assert.equal(rest(accepted), 'gh');
});
