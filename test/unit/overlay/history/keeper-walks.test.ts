import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../../src/index.ts';
import type { OfKind } from '../../../../src/overlay/history/history-frames.ts';
import { KeeperWalks } from '../../../../src/overlay/history/keeper-walks.ts';
import { type AddressRecord, signAddressRecord } from '../../../../src/overlay/membership/address-record.ts';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';

const digest = '00'.repeat(16);

interface Link {
  readonly to: Walker;
  /** The same link, as the other side sees it. */
  back: Link;
}

class Walker {
  readonly links: Link[] = [];
  readonly walks: KeeperWalks<Link>;
  readonly found: string[] = [];
  readonly record: AddressRecord;
  isKeeper = false;
  isUseful: (id: string) => boolean = () => true;
  frames = 0;

  constructor(runtime: VirtualRuntime, number: number) {
    const identity = Identity.generate();
    const draft = { network: '', sequence: 1, addresses: [`tcp://10.0.0.${number}:1`] };
    this.record = signAddressRecord(identity, draft) as AddressRecord;
    this.walks = new KeeperWalks<Link>({
      runtime,
      neighbours: () => this.links,
      send: (link, frame) => queueMicrotask(() => link.to.take(link.back, frame)),
      keeps: () => this.isKeeper,
      ownRecord: () => this.record,
      onFound: (_digest, { id }) => {
        this.found.push(id);
        return this.isUseful(id);
      },
    });
  }

  take(from: Link, frame: OfKind<'seek' | 'found' | 'keeping'>): void {
    this.frames += 1;
    if (frame.kind === 'seek') this.walks.seeks(from, frame);
    else if (frame.kind === 'keeping') this.walks.tells(from, frame);
    else this.walks.found(from, frame);
  }
}

function line(count: number): { runtime: VirtualRuntime; walkers: Walker[] } {
  const runtime = new VirtualRuntime();
  const walkers = Array.from({ length: count }, (_, number) => new Walker(runtime, number));
  for (let at = 1; at < count; at++) {
    const [one, other] = [walkers[at - 1]!, walkers[at]!];
    const there = { to: other } as Link;
    there.back = { to: one, back: there };
    one.links.push(there);
    other.links.push(there.back);
  }
  return { runtime, walkers };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite('a walk to a keeper', () => {
  test('finds one eight links away, and the answer comes back the same way', async () => {
    const { walkers } = line(9);
    walkers[8]!.isKeeper = true;
    walkers[0]!.walks.seek(digest);
    await turn();
    assert.deepEqual(walkers[0]!.found, [walkers[8]!.record.id]);
    assert.equal(
      walkers.reduce((sum, { frames }) => sum + frames, 0),
      16,
    );
    for (const { found } of walkers.slice(1)) assert.deepEqual(found, []);
  });

  test('goes over eight links at most', async () => {
    const { walkers } = line(12);
    walkers[9]!.isKeeper = true;
    walkers[0]!.walks.seek(digest);
    await turn();
    assert.deepEqual(walkers[0]!.found, []);
    assert.equal(walkers[9]!.frames, 0);
  });

  test('has one answer, while it is waited for', async () => {
    const { runtime, walkers } = line(2);
    const [one, other] = walkers as [Walker, Walker];
    const [toOther] = one.links as [Link];
    const answer = { kind: 'found', digest, walk: 7, way: [], record: other.record.bytes } as const;
    one.walks.found(toOther, answer);
    assert.deepEqual(one.found, [], 'there was no walk');
    other.isKeeper = true;
    one.walks.seek(digest);
    await turn();
    assert.equal(one.found.length, 1);
    other.isKeeper = false;
    one.walks.seek(digest);
    await runtime.advance(10_001);
    other.isKeeper = true;
    await turn();
    assert.equal(one.found.length, 1);
  });

  test('is answered by nodes that a keeper has told of itself, eight links from it at most', async () => {
    const { walkers } = line(18);
    const [seeker, keeper] = [walkers[0]!, walkers[16]!];
    keeper.isKeeper = true;
    keeper.walks.tell(digest);
    await turn();
    seeker.walks.seek(digest);
    await turn();
    assert.deepEqual(seeker.found, [keeper.record.id], 'the eighth node knows of it');
    walkers[1]!.walks.seek(digest);
    await turn();
    assert.equal(walkers[1]!.found.length, 2, 'the walk goes on after the first answer');
  });

  test('has three answers that are of use at most, and none is the node itself', async () => {
    const { walkers } = line(10);
    const [seeker, keeper] = [walkers[0]!, walkers[9]!];
    seeker.walks.tell(digest);
    await turn();
    seeker.walks.seek(digest);
    await turn();
    assert.deepEqual(seeker.found, [], 'others remember it, but it looks for others');
    keeper.walks.tell(digest);
    await turn();
    seeker.isUseful = () => false;
    seeker.walks.seek(digest);
    await turn();
    const { length } = seeker.found;
    assert.ok(length > 3, `${length}`);
    assert.ok(seeker.found.every((id) => id === keeper.record.id));
    seeker.isUseful = () => true;
    seeker.found.length = 0;
    seeker.walks.seek(digest);
    await turn();
    assert.equal(seeker.found.length, 3);
  });

  test('that tells of a keeper is passed on no faster than a rate, with walks that look for one', async () => {
    const { walkers } = line(3);
    const [one, middle, end] = walkers as [Walker, Walker, Walker];
    const [toMiddle] = one.links as [Link];
    for (let walk = 0; walk < 1_000; walk++) {
      middle.take(toMiddle.back, { kind: 'keeping', digest, hopsLeft: 7, record: one.record.bytes });
      middle.take(toMiddle.back, { kind: 'seek', digest: '11'.repeat(16), walk, hopsLeft: 7, way: [] });
    }
    await turn();
    assert.equal(end.frames, 32);
  });

  test('is passed on no faster than a rate, and a wrong way back leads nowhere', async () => {
    const { walkers } = line(3);
    const [one, middle, end] = walkers as [Walker, Walker, Walker];
    const [toMiddle] = one.links as [Link];
    for (let walk = 0; walk < 1_000; walk++) {
      middle.take(toMiddle.back, { kind: 'seek', digest, walk, hopsLeft: 7, way: [] });
    }
    await turn();
    assert.equal(end.frames, 32);
    const answer = { kind: 'found', digest, walk: 1, way: [1, 4_711], record: end.record.bytes } as const;
    const [, toEnd] = middle.links as [Link, Link];
    middle.take(toEnd, answer);
    await turn();
    assert.equal(one.frames, 0);
  });
});
