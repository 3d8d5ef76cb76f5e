import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameKind, frameHeaderBytes, positionBody } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrame, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const bytesFormat = 3;
const { acknowledge, credit, goodbye, message, request, response } = FrameKind;

/** Kinds that are no answers. */
const passedOver: readonly number[] = [acknowledge, credit, goodbye, message];

/** An answer fills most of a chunk, which the link holds by reference; of smaller ones it may hold a copy. */
const answerBytes = 60_000;
const frameBytes = frameHeaderBytes + 4 + answerBytes;

/** More than sockets hold, less than the cap of the victim's queue. */
const questions = 300;

const contentOf = (id: number): Buffer => Buffer.alloc(answerBytes, id % 200);

/**
 * The victim's process poisons memory that is given back to a pool: bytes that a socket still holds then arrive
 * corrupt, whether or not another connection uses the memory in the meantime.
 */
suite('peers that acknowledge what they have not read', () => {
  const scene = attackScene();

  test('get what was meant for them, and no memory of anybody else', async () => {
    const { victim, port } = scene;
    const { handled } = await victim.call('stats');
    const session = { id: 'liar', receivedBytes: 0, resumed: false };
    const peer = await RawPeer.connect(port, { session });
    const arrived: Buffer[] = [];
    peer.socket.removeAllListeners('data').on('data', (bytes: Buffer) => arrived.push(bytes));
    peer.turnDeaf();
    for (let id = 1; id <= questions; id++) {
      const body = Buffer.concat([uint32(id), contentOf(id)]);
      await peer.writeAll(rawFrame(request, body, { format: bytesFormat }));
    }
    await peer.writeAll(rawFrame(message, 'the last', { format: bytesFormat }));
    await victim.until((stats) => stats.handled > handled, 'stats');

    // As far as the link was given the answers this is believed; beyond that it breaks the protocol.
    const claims = Array.from({ length: questions }, (_, index) =>
      rawFrame(acknowledge, positionBody((index + 1) * frameBytes)),
    );
    peer.write(...claims);
    // Until the victim has read them, and says goodbye behind what its socket holds.
    const question = { id: peer.id, bytes: 1 };
    await victim.until((outcome) => outcome === 'ERR_CONNECTION_CLOSED', 'sendOne', question);
    peer.socket.resume();
    await peer.closed;
    assert.equal((await victim.event('disconnected', peer.id)).code, 'protocol by us');
    assertAnswers(Buffer.concat(arrived));
  });

  /** The victim had no time to send all of them. */
  function assertAnswers(bytes: Buffer): void {
    let answers = 0;
    for (let at = 0; at + frameHeaderBytes <= bytes.length; ) {
      const kind = bytes[at + 4]!;
      const body = bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + bytes.readUInt32BE(at));
      at += frameHeaderBytes + bytes.readUInt32BE(at);
      if (passedOver.includes(kind)) continue;
      assert.equal(kind, response, `a frame of kind ${kind} after ${answers} answers`);
      answers += 1;
      const expected = Buffer.concat([uint32(answers), contentOf(answers)]);
      assert.ok(expected.subarray(0, body.length).equals(body), `the answer ${answers} is corrupt`);
    }
    assert.ok(answers > 20, `${answers} answers`);
  }
});
