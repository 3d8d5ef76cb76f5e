import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  announcementFrame,
  graftFrame,
  maxAnnouncements,
  type OverlayFrame,
  probeFrame,
  pruneFrame,
  pushFrame,
  readOverlayFrame,
} from '../../../src/overlay/overlay-frames.ts';
import { withCode } from '../../support/errors.ts';

const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const hops = fc.integer({ min: 0, max: 255 });
const announcements = fc.array(fc.record({ id, hops }, { noNullPrototype: true }), {
  minLength: 1,
  maxLength: maxAnnouncements,
});
const nonce = fc.integer({ min: 0, max: 2 ** 32 - 1 });

suite('frames of the overlay', () => {
  const writtenAndRead: Record<string, fc.Arbitrary<[Uint8Array, OverlayFrame]>> = {
    push: fc
      .tuple(hops, fc.uint8Array())
      .map(([hops, broadcast]) => [
        pushFrame(hops, broadcast),
        { kind: 'push', hops, broadcast: new Uint8Array(broadcast) },
      ]),
    announce: announcements.map((list) => [
      announcementFrame('announce', list),
      { kind: 'announce', announcements: list },
    ]),
    offer: announcements.map((list) => [
      announcementFrame('offer', list),
      { kind: 'offer', announcements: list },
    ]),
    graft: fc.option(id, { nil: undefined }).map((one) => [graftFrame(one), { kind: 'graft', id: one }]),
    prune: fc.constant([pruneFrame(), { kind: 'prune' }]),
    probe: nonce.map((one) => [probeFrame('probe', one), { kind: 'probe', nonce: one }]),
    echo: nonce.map((one) => [probeFrame('echo', one), { kind: 'echo', nonce: one }]),
  };
  for (const [name, frames] of Object.entries(writtenAndRead)) {
    test(`${name} is read as it was written`, () => {
      fc.assert(fc.property(frames, ([bytes, frame]) => assert.deepEqual(readOverlayFrame(bytes), frame)));
    });
  }

  test('count hops up to 255', () => {
    assert.equal(pushFrame(1_000, Uint8Array.of())[1], 255);
    assert.equal(announcementFrame('announce', [{ id: '00'.repeat(32), hops: 256 }])[1], 255);
  });

  const wrong: Record<string, readonly number[]> = {
    nothing: [],
    'an unknown kind': [8],
    'an announcement of nothing': [2],
    'an announcement that is cut': [2, 0, ...Array(31).fill(1)],
    'more announcements than may be in one': [2, ...Array(33 * (maxAnnouncements + 1)).fill(1)],
    'a graft whose id is cut': [4, ...Array(31).fill(1)],
    'a prune with something in it': [5, 0],
    'a probe that is cut': [6, 1, 2, 3],
    'an echo that is too long': [7, 1, 2, 3, 4, 5],
  };
  for (const [name, bytes] of Object.entries(wrong)) {
    test(`${name} is refused`, () => {
      assert.throws(() => readOverlayFrame(Uint8Array.from(bytes)), withCode('ERR_PROTOCOL'));
    });
  }
});
