import assert from 'node:assert/strict';
import { test } from 'node:test';
import { libp2pOverTcp } from '../../support/libp2p-engines.ts';
import { openLine } from '../../support/links.ts';

const mebibyte = 1024 * 1024;

/** A stream of libp2p forgets a pause from within a piece that its resume hands out, and aborts once it is full. */
test('a link may be paused while it hands out a piece, which holds the other side back', async (t) => {
  const { ours, theirs } = await (await openLine(t, libp2pOverTcp('noise'))).link();
  const { onMessage } = theirs.link;
  theirs.keeps = false;
  let isPaused = false;
  theirs.link.onMessage = (bytes) => {
    assert.equal(isPaused, false, 'nothing arrives while paused');
    onMessage(bytes);
    isPaused = true;
    theirs.link.pause();
    setImmediate(() => {
      isPaused = false;
      theirs.link.resume();
    });
  };
  const total = 24 * mebibyte;
  const pieces = Array.from({ length: total / 65_536 }, () => new Uint8Array(65_536));
  await Promise.all([ours.sendAll(pieces), theirs.arrived(total)]);
  assert.equal(theirs.received, total);
});
