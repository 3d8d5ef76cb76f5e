import { suite, test } from 'node:test';
import { findFrame, foundFrame, unknownFrame } from '../../../src/discovery/question-frames.ts';
import { Identity } from '../../../src/index.ts';
import { type AddressRecord, signAddressRecord } from '../../../src/overlay/membership/address-record.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrames } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const framesOf = (frame: Uint8Array): Buffer[] => rawFrames(FrameKind.protocol, frame);
const numberOf = (value: number): string => value.toString(16).padStart(16, '0');
const { id } = Identity.generate();

suite('a node that is asked for others', () => {
  const scene = attackScene({});
  const peer = (): Promise<RawPeer> => RawPeer.connect(scene.port, { protocols: ['overlay/1'] });

  test('and gets floods of questions from five peers, hears others meanwhile', async () => {
    const peers = await Promise.all(Array.from({ length: 5 }, peer));
    const questions = peers.map((_, index) =>
      Array.from({ length: 8_000 }, (_, count) =>
        framesOf(
          findFrame({ number: numberOf(index * 100_000 + count), hops: 4, id, seenAs: 'a'.repeat(255) }),
        ),
      ).flat(),
    );
    await scene.attackBegins();
    await Promise.all(peers.map((one, index) => one.writeAll(Buffer.concat(questions[index]!))));
    for (const one of peers) await one.synced();
  });

  test('and gets answers that nobody asked for, ignores them', async () => {
    const one = await peer();
    const draft = { network: '', sequence: 1, addresses: ['tls://127.0.0.1:1'] };
    const record = signAddressRecord(Identity.generate(), draft) as AddressRecord;
    const answers = Array.from({ length: 10_000 }, (_, count) => [
      ...framesOf(foundFrame(numberOf(count), record)),
      ...framesOf(unknownFrame(numberOf(count))),
    ]);
    await one.writeAll(Buffer.concat(answers.flat()));
    await one.synced();
  });
});
