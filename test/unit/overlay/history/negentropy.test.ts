import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { sha256Hex } from '../../../../src/base/sha256.ts';
import { Negentropy } from '../../../../src/overlay/history/negentropy/negentropy.ts';
import { OrderedIds } from '../../../../src/overlay/history/negentropy/ordered-ids.ts';
import { SeededChance } from '../../../../src/simulator/seeded-chance.ts';
import { encodeText } from '../../../../src/wire/payloads/text.ts';
import { withCode } from '../../../support/errors.ts';

interface Vector {
  readonly name: string;
  readonly frameSizeLimit: number;
  readonly items: {
    readonly seed: string;
    readonly shared: number;
    readonly onlyInitiator: number;
    readonly onlyResponder: number;
    readonly spread: number;
  };
  readonly messages: {
    readonly count: number;
    readonly bytes: number;
    readonly sha256OfAllHexJoinedByNewline: string;
    readonly hex?: readonly string[];
  };
  readonly have: number;
  readonly need: number;
}

const file = new URL('../../../support/negentropy-vectors.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] };

/** The item with that number, by the rule that the vectors state. */
function item({ seed, spread }: Vector['items'], number: number): { time: number; id: Uint8Array } {
  const id = hexToBytes(sha256Hex(encodeText(`${seed} ${number}`)));
  const time = spread === 0 ? 1_000 : 1_700_000_000 + (new DataView(id.buffer).getUint32(0) % spread);
  return { time, id };
}

function setOf(items: Vector['items'], numbers: Iterable<number>): OrderedIds {
  const set = new OrderedIds();
  for (const number of numbers) {
    const { time, id } = item(items, number);
    set.add(time, id);
  }
  return set;
}

function* range(from: number, to: number): Generator<number> {
  for (let number = from; number < to; number++) yield number;
}

interface Talk {
  readonly messages: Uint8Array[];
  readonly have: string[];
  readonly need: string[];
}

function reconcile(initiator: Negentropy, responder: Negentropy): Talk {
  const have: string[] = [];
  const need: string[] = [];
  const messages: Uint8Array[] = [];
  let message: Uint8Array | undefined = initiator.begin();
  while (message !== undefined) {
    const answer = responder.answer(message);
    messages.push(message, answer);
    const progress = initiator.resume(answer);
    have.push(...progress.have);
    need.push(...progress.need.map(({ id }) => id));
    message = progress.message;
  }
  return { messages, have, need };
}

suite('negentropy', () => {
  for (const { name, items, frameSizeLimit, messages, have, need } of vectors) {
    test(`writes what the reference implementation does: ${name}`, () => {
      const { shared, onlyInitiator, onlyResponder } = items;
      const ours = setOf(items, range(0, shared + onlyInitiator));
      const all = shared + onlyInitiator + onlyResponder;
      const theirs = setOf(items, [...range(0, shared), ...range(shared + onlyInitiator, all)]);
      const limit = frameSizeLimit === 0 ? {} : { maxMessageBytes: frameSizeLimit };
      const talk = reconcile(new Negentropy(ours, limit), new Negentropy(theirs, limit));
      const hex = talk.messages.map(bytesToHex);
      if (messages.hex !== undefined) assert.deepEqual(hex, messages.hex);
      assert.equal(hex.length, messages.count);
      assert.equal(sha256Hex(encodeText(hex.join('\n'))), messages.sha256OfAllHexJoinedByNewline);
      const idsOf = (from: number, to: number): string[] =>
        [...range(from, to)].map((number) => bytesToHex(item(items, number).id)).sort();
      assert.deepEqual(talk.have.sort(), idsOf(shared, shared + onlyInitiator));
      assert.deepEqual(talk.need.sort(), idsOf(shared + onlyInitiator, all));
      assert.equal(talk.have.length, have);
      assert.equal(talk.need.length, need);
    });
  }
});

suite('sets that change', () => {
  const chance = new SeededChance(7).stream('test', 'sets');
  const below = (count: number): number => Math.floor(count * chance.random());
  const randomId = (): Uint8Array => Uint8Array.from({ length: 32 }, () => below(256));

  test('have the fingerprints of sets that were made at once', () => {
    const set = new OrderedIds();
    let items: { time: number; id: Uint8Array }[] = [];
    for (let round = 0; round < 300; round++) {
      const count = below(10);
      for (let added = 0; added < count; added++) {
        const each = { time: 1_000 + round + below(20), id: randomId() };
        set.add(each.time, each.id);
        items.push(each);
      }
      items.sort((a, b) => a.time - b.time || (bytesToHex(a.id) < bytesToHex(b.id) ? -1 : 1));
      const removed = below(Math.min(items.length, 8) + 1);
      set.removeFirst(removed);
      items = items.slice(removed);
      const fresh = new OrderedIds();
      for (const { time, id } of items) fresh.add(time, id);
      assert.equal(set.size, items.length);
      const from = below(items.length + 1);
      const to = from + below(items.length - from + 1);
      assert.deepEqual(set.fingerprint(from, to), fresh.fingerprint(from, to), `round ${round}`);
      assert.deepEqual(
        items.map((_, at) => [set.timeAt(at), set.hexAt(at)]),
        items.map(({ time, id }) => [time, bytesToHex(id)]),
      );
    }
  });

  test('find all differences, in messages within the limit: 60 pairs', () => {
    for (let pair = 0; pair < 60; pair++) {
      const [ours, theirs] = [new OrderedIds(), new OrderedIds()];
      const only: { have: string[]; need: string[] } = { have: [], need: [] };
      const spread = pair % 3 === 0 ? 1 : 1_000;
      for (let count = below(600); count > 0; count--) {
        const [time, id, where] = [below(spread), randomId(), below(5 + (pair % 20))];
        if (where !== 0) ours.add(time, id);
        if (where !== 1) theirs.add(time, id);
        if (where === 0) only.need.push(bytesToHex(id));
        if (where === 1) only.have.push(bytesToHex(id));
      }
      const limit = pair % 2 === 0 ? { maxMessageBytes: 4_096 } : {};
      const talk = reconcile(new Negentropy(ours, limit), new Negentropy(theirs, limit));
      assert.deepEqual(talk.have.sort(), only.have.sort());
      assert.deepEqual(talk.need.sort(), only.need.sort());
      for (const { length } of talk.messages.slice(1)) assert.ok(pair % 2 === 1 || length <= 4_096);
    }
  });

  test('can be reconciled in a part of them', () => {
    const [ours, theirs] = [new OrderedIds(), new OrderedIds()];
    for (let time = 0; time < 100; time++) {
      const id = randomId();
      if (time !== 10 && time !== 60) ours.add(time, id);
      if (time !== 20 && time !== 70) theirs.add(time, id);
    }
    const partOf = (set: OrderedIds): { from: number; to: number } => ({
      from: set.indexOf({ timestamp: 50, prefix: new Uint8Array(0) }),
      to: set.indexOf({ timestamp: 90, prefix: new Uint8Array(0) }),
    });
    const talk = reconcile(new Negentropy(ours, partOf(ours)), new Negentropy(theirs, partOf(theirs)));
    assert.deepEqual([talk.have.length, talk.need.length], [1, 1]);
  });

  test('of 10,000 items that differ in 10 cost a few kilobytes', () => {
    const [ours, theirs] = [new OrderedIds(), new OrderedIds()];
    for (let time = 0; time < 10_000; time++) {
      const id = randomId();
      if (time % 2_000 !== 500) ours.add(time * 1_000_000, id);
      if (time % 2_000 !== 1_500) theirs.add(time * 1_000_000, id);
    }
    const { messages, have, need } = reconcile(new Negentropy(ours), new Negentropy(theirs));
    const bytes = messages.reduce((sum, { length }) => sum + length, 0);
    assert.deepEqual([have.length, need.length], [5, 5]);
    assert.ok(bytes < 20_000, `${bytes} bytes`);
    assert.ok(messages.length <= 8, `${messages.length} messages`);
  });
});

suite('messages of reconciliation that no node writes', () => {
  const set = new OrderedIds();
  for (let time = 0; time < 100; time++) set.add(time, new Uint8Array(32).fill(time));
  const side = new Negentropy(set);
  const wrong: Record<string, string> = {
    'an empty one': '',
    'another version': '62000000',
    'a mode that does not exist': '61000003',
    'a fingerprint cut short': '610000010102',
    'a list that is longer than the message': '6100000290808000',
    'a bound of more than 32 bytes': '610121'.padEnd(80, '0'),
    'ranges behind infinity': '610000000000',
    'a number without an end': `61${'ff'.repeat(20)}`,
  };
  for (const [name, hex] of Object.entries(wrong)) {
    test(`are refused: ${name}`, () => {
      assert.throws(() => side.answer(hexToBytes(hex)), withCode('ERR_PROTOCOL'));
      assert.throws(() => side.resume(hexToBytes(hex)), withCode('ERR_PROTOCOL'));
    });
  }
});
