import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { turn, within } from '../../support/turns.ts';
import { rawFrame, rawSocket, uint32 } from './support/raw-peer.ts';
import { clientHello, connectRecords, openRecords, type RecordPeer } from './support/record-peer.ts';
import { attackScene } from './support/scene.ts';

/** Less than the time in which a handshake must be done. */
const soonMs = 8_000;

/** Made in advance, so that they arrive as fast as the victim reads. */
function keyUpdates({ records }: RecordPeer, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => records.keyUpdate()));
}

suite('work that TLS does before it hands over any data', () => {
  const scene = attackScene();

  test('a stranger that sends key updates in a loop is dropped', async () => {
    const stranger = await openRecords(scene.port);
    stranger.carrier.write(keyUpdates(stranger, 8_000));
    await within(stranger.peer.closed, 'the victim drops it', soonMs);
  });

  test('a peer that does so is dropped, and the reason is given', async () => {
    const attacker = await connectRecords(scene.port);
    await attacker.peer.synced();
    attacker.carrier.write(keyUpdates(attacker, 8_000));
    await within(attacker.peer.closed, 'the victim drops it', soonMs);
    const { code, message } = await scene.victim.event('disconnected', attacker.peer.id);
    assert.equal(code, 'lost by link');
    assert.match(message, /key updates or session tickets of TLS in a loop/);
  });

  test('a peer that sends data between them is dropped as well', async () => {
    const attacker = await connectRecords(scene.port);
    const frame = rawFrame(FrameKind.message, 'x', { format: 2 });
    const mixed = Array.from({ length: 4_000 }, () => [
      attacker.records.data(frame),
      attacker.records.keyUpdate(),
    ]);
    attacker.carrier.write(Buffer.concat(mixed.flat()));
    await within(attacker.peer.closed, 'the victim drops it', soonMs);
  });

  test('as many key updates as clause 2.15 allows end nobody', async () => {
    const honest = await connectRecords(scene.port);
    honest.carrier.write(keyUpdates(honest, 32));
    await honest.peer.synced();
  });

  test('a first message of 60 KB in records of one byte is cut off', async () => {
    const protocols = Array.from({ length: 240 }, (_, index) => `${index}`.padEnd(250, '.'));
    const hello = await clientHello(protocols);
    const message = hello.subarray(5);
    const records = [...message].map((byte) => Uint8Array.of(0x16, 3, 1, 0, 1, byte));
    for (let round = 0; round < 5; round++) {
      const socket = rawSocket(scene.port);
      await once(socket, 'connect');
      socket.resume().write(Buffer.concat(records));
      await within(new Promise((resolve) => socket.once('close', resolve)), 'the victim drops it', soonMs);
    }
  });
});

suite('tiny records', () => {
  const scene = attackScene();

  function question(number: number): Buffer {
    return rawFrame(FrameKind.request, Buffer.concat([uint32(number), Buffer.from('x')]), { format: 2 });
  }

  test('of 4 peers that each ask 16,000 questions at once hold up nobody else, and all are answered', async () => {
    const attackers: RecordPeer[] = [];
    for (let count = 0; count < 4; count++) attackers.push(await connectRecords(scene.port));
    const floods: Buffer[] = [];
    for (const { records } of attackers) {
      const flood: Buffer[] = [];
      for (let number = 0; number < 16_000; number++) {
        flood.push(records.data(question(number)));
        if (number % 500 === 0) await turn(); // pings are answered meanwhile
      }
      floods.push(Buffer.concat(flood));
    }
    await scene.attackBegins();
    for (const [index, { carrier }] of attackers.entries()) carrier.write(floods[index]!);
    for (const { peer } of attackers) {
      for (let answers = 0; answers < 16_000; answers++) await peer.next(FrameKind.response);
    }
  });
});
