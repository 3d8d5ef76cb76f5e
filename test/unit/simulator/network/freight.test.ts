import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Freight, none, Piece } from '../../../../src/simulator/network/freight.ts';
import { randomFrom } from '../../../support/random-from.ts';

suite('what is under way in a network', () => {
  test('keeps each piece apart from the others, and uses places again', () => {
    const random = randomFrom(7);
    const freight = new Freight();
    const held = new Map<number, { text: string; at: number }>();
    let most = 0;
    for (let count = 0; count < 20_000; count++) {
      if (held.size < 200 && random() < 0.6) {
        const text = `piece ${count}`;
        const piece = freight.add(Piece.data, text, text.length);
        assert.ok(!held.has(piece));
        assert.equal(freight.next(piece), none);
        freight.setTime(piece, count / 3);
        held.set(piece, { text, at: count / 3 });
        most = Math.max(most, held.size);
        assert.ok(piece < most, `place ${piece}, where at most ${most} were taken at once`);
      } else if (held.size > 0) {
        const [piece, { text, at }] = [...held][Math.floor(random() * held.size)]!;
        assert.equal(freight.kindOf(piece), Piece.data);
        assert.deepEqual([freight.bytesOf(piece), freight.timeOf(piece)], [text.length, at]);
        assert.equal(freight.take(piece), text);
        held.delete(piece);
      }
    }
    assert.ok(most > 64, 'the columns never grew');
  });
});
