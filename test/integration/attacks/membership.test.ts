import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { type AddressRecord, signAddressRecord } from '../../../src/overlay/membership/address-record.ts';
import {
  encodeMembershipFrame,
  type MembershipFrame,
  maxRecords,
} from '../../../src/overlay/membership/membership-frames.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrames } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

function newRecord(identity = Identity.generate()): AddressRecord {
  const draft = { network: '', sequence: Date.now(), addresses: ['127.0.0.1:1'] };
  return signAddressRecord(identity, draft) as AddressRecord;
}

const framesOf = (frame: MembershipFrame): Buffer[] =>
  rawFrames(FrameKind.protocol, encodeMembershipFrame(frame));

suite('a node that finds its neighbours by itself', () => {
  const scene = attackScene({ neighbourhood: 'automatic' });
  const peer = async (membership: string, identity = Identity.generate()): Promise<RawPeer> => {
    const one = await RawPeer.connect(scene.port, { protocols: ['overlay/1'], membership }, identity);
    one.write(...framesOf({ kind: 'introduce', seenAs: '127.0.0.1', record: newRecord(identity) }));
    return one;
  };

  test('and gets floods of walks, hears others meanwhile', async () => {
    const peers = [await peer('low'), await peer('low')];
    const walks = Array.from({ length: 500 }, (_, walk) => {
      const contacts = Array.from({ length: maxRecords }, () => newRecord());
      const frame: MembershipFrame =
        walk % 2 === 0
          ? { kind: 'shuffle', walk, hopsLeft: 1 + (walk % 6), contacts }
          : { kind: 'forwardJoin', contact: contacts[0]!, hopsLeft: walk % 6 };
      return framesOf(frame);
    });
    await scene.attackBegins();
    await Promise.all(peers.map((one) => one.writeAll(Buffer.concat(walks.flat()))));
    for (const one of peers) await one.synced();
  });

  test('and is joined through by one node after the other, hears others meanwhile', async () => {
    for (let count = 0; count < 60; count++) {
      const one = await peer('join');
      one.write(...Array.from({ length: 100 }, () => framesOf({ kind: 'join' })).flat());
      await one.synced();
      one.socket.destroy();
    }
  });

  test('and is asked, dropped and introduced in a loop, hears others meanwhile', async () => {
    const identity = Identity.generate();
    const one = await peer('open', identity);
    const rounds = Array.from({ length: 1_000 }, (_, count) => [
      ...framesOf({ kind: 'ask', priority: count % 2 === 0 ? 'high' : 'swap' }),
      ...framesOf({ kind: 'answer', isNeighbour: true }),
      ...framesOf({ kind: 'drop' }),
      ...framesOf({ kind: 'hold' }),
    ]);
    await one.writeAll(Buffer.concat(rounds.flat()));
    await one.synced();
    const seen = Array.from({ length: 500 }, (_, count) =>
      framesOf({ kind: 'introduce', seenAs: `host-${count}`, record: undefined }),
    );
    await one.writeAll(Buffer.concat(seen.flat()));
    await one.synced();
  });

  test('and gets answers to walks that it never sent, ignores them', async () => {
    const one = await peer('low');
    const replies = Array.from({ length: 1_000 }, (_, walk) =>
      framesOf({ kind: 'shuffleReply', walk, contacts: [newRecord()] }),
    );
    await one.writeAll(Buffer.concat(replies.flat()));
    await one.synced();
  });
});
