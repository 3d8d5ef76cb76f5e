import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemRuntime } from '../../../../../src/base/runtime.ts';
import { FairTurns } from '../../../../../src/transport/tcp/websocket/fair-turns.ts';
import { turn } from '../../../../support/turns.ts';

/** A source whose messages take a millisecond each. */
function slowSource() {
  let nowMs = 0;
  const state = { isPaused: false, delivered: 0, hasEnded: false };
  const turns = new FairTurns({
    source: {
      pause: () => {
        state.isPaused = true;
      },
      resume: () => {
        state.isPaused = false;
      },
    },
    runtime: { ...systemRuntime, now: () => nowMs },
    deliver: () => {
      nowMs += 1;
      state.delivered += 1;
    },
  });
  const piece = (messages: number): void => {
    turns.begin();
    for (let count = 0; count < messages; count++) turns.take(new Uint8Array(4_000));
    turns.pieceRead();
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { turns, state, piece, pass };
}

suite('the messages of a WebSocket', () => {
  test('stop after 5 ms, and the rest of the piece waits for the next turns', async () => {
    const { state, piece } = slowSource();
    piece(12);
    assert.deepEqual(state, { isPaused: true, delivered: 5, hasEnded: false });
    await turn();
    assert.equal(state.delivered, 10);
    await turn();
    assert.deepEqual(state, { isPaused: false, delivered: 12, hasEnded: false });
  });

  test('of many short pieces behind each other count together', () => {
    const { state, piece } = slowSource();
    for (let count = 0; count < 5; count++) piece(1);
    assert.equal(state.isPaused, true);
  });

  test('that come now and then are delivered at once', () => {
    const { state, piece, pass } = slowSource();
    for (let count = 0; count < 20; count++) {
      piece(1);
      pass(5);
    }
    assert.deepEqual(state, { isPaused: false, delivered: 20, hasEnded: false });
  });

  test('are all delivered before the end', async () => {
    const { turns, state, piece } = slowSource();
    piece(8);
    turns.end(() => {
      state.hasEnded = true;
    });
    assert.equal(state.hasEnded, false);
    await turn();
    assert.deepEqual([state.delivered, state.hasEnded], [8, true]);
  });

  test('are not delivered once they are dropped', async () => {
    const { turns, state, piece } = slowSource();
    piece(8);
    turns.drop();
    turns.take(new Uint8Array(1));
    let hasEnded = false;
    turns.end(() => {
      hasEnded = true;
    });
    await turn();
    assert.deepEqual([state.delivered, hasEnded], [5, true]);
  });
});
