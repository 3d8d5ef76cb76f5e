import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Envelope } from '../../../src/secure/envelope.ts';
import { Statements } from '../../../src/secure/statements.ts';

/** Each counts 400 bytes, and 56 for each neighbour. */
const room = 400 * 100;

function statement(author: string, hash = `hash of ${author}`): Envelope {
  return { author, hash, time: 0, id: '', kind: 'neighbours', data: null, signature: '' };
}

/** Adds what it does not have, as the answer of one neighbour. */
function gather(statements: Statements, authors: readonly string[], from: string, neighbours = 0): void {
  for (const author of authors) {
    const one = statement(author);
    if (!statements.has(one, from)) statements.add(one, neighbours, from);
  }
}

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix} ${index}`);

const authorsOf = (statements: Statements, prefix: string): string[] =>
  statements.all.map(({ author }) => author).filter((author) => author.startsWith(prefix));

suite('statements about neighbours', () => {
  test('are kept once for each author, the first one', () => {
    const statements = new Statements(room);
    gather(statements, ['ann', 'ben'], 'one');
    assert.equal(statements.has(statement('ann'), 'other'), true);
    assert.equal(statements.has(statement('ann', 'another hash'), 'other'), true);
    assert.equal(statements.has(statement('cleo'), 'other'), false);
    gather(statements, ['ben', 'cleo'], 'other');
    assert.deepEqual(
      statements.all,
      ['ann', 'ben', 'cleo'].map((author) => statement(author)),
    );
  });

  test('of a neighbour with ever new ids crowd out its own alone, whoever comes first', () => {
    for (const isFirst of [true, false]) {
      const statements = new Statements(room);
      if (isFirst) gather(statements, names('sybil', 1_000), 'mallory');
      gather(statements, names('honest', 33), 'one');
      gather(statements, names('other', 30), 'other');
      if (!isFirst) gather(statements, names('sybil', 1_000), 'mallory');
      assert.equal(authorsOf(statements, 'honest').length, 33);
      assert.equal(authorsOf(statements, 'other').length, 30);
      assert.equal(authorsOf(statements, 'sybil').length, 37);
    }
  });

  test('share the room evenly among neighbours that all bring too much', () => {
    const statements = new Statements(room);
    for (const name of ['a', 'b', 'c', 'd']) gather(statements, names(name, 90), name);
    for (const name of ['a', 'b', 'c', 'd']) assert.equal(authorsOf(statements, name).length, 25);
  });

  test('that a flooding neighbour brings before the others stay for those', () => {
    const statements = new Statements(room);
    const honest = names('honest', 33);
    gather(statements, [...names('sybil', 55), ...honest], 'mallory');
    gather(statements, honest, 'one');
    gather(statements, names('other', 33), 'other');
    gather(statements, names('late sybil', 100), 'mallory');
    assert.equal(authorsOf(statements, 'honest').length, 33);
    assert.equal(authorsOf(statements, 'other').length, 33);
  });

  test('count by the neighbours that they name', () => {
    const statements = new Statements(room);
    gather(statements, names('long', 40), 'one', 100);
    const longBytes = 400 + 100 * 56;
    assert.equal(statements.all.length, Math.floor(room / longBytes));
  });

  test('another one of the same author does not move it to another answer', () => {
    const statements = new Statements(room);
    gather(statements, names('honest', 60), 'one');
    for (const author of names('honest', 60)) statements.has(statement(author, 'made up'), 'mallory');
    gather(statements, names('sybil', 60), 'mallory');
    // Had they moved, Mallory's answer would be the larger one.
    assert.equal(authorsOf(statements, 'sybil').length, 50);
    assert.equal(authorsOf(statements, 'honest').length, 50);
  });

  test('that a flooding neighbour repeats stay with the neighbour that brought them', () => {
    const statements = new Statements(room);
    const honest = names('honest', 33);
    gather(statements, honest, 'one');
    gather(statements, [...names('sybil', 60), ...honest], 'mallory');
    gather(statements, names('other', 30), 'other');
    assert.equal(authorsOf(statements, 'honest').length, 33);
    assert.equal(authorsOf(statements, 'sybil').length, 37);
  });
});
