import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Envelope } from '../../../src/secure/envelope.ts';
import { networkMapOf } from '../../../src/secure/network-map.ts';

function statement(author: string, neighbours: readonly string[]): Envelope {
  const data = { request: '', neighbours };
  return { author, data, kind: 'neighbours', time: 0, id: '', hash: '', signature: '' } as Envelope;
}

suite('the map of a network', () => {
  test('begins with this node, and has those who answer and those who are named', () => {
    const map = networkMapOf('me', ['zoe'], [statement('zoe', ['me', 'far']), statement('alone', [])]);
    assert.deepEqual(map, {
      nodes: ['me', 'zoe', 'far', 'alone'],
      links: [
        ['me', 'zoe'],
        ['far', 'zoe'],
      ],
    });
    assert.deepEqual(networkMapOf('me', [], []), { nodes: ['me'], links: [] });
  });

  test('has each link once, whoever names it, and all links of a node', () => {
    const { links } = networkMapOf('b', ['a', 'c'], [statement('a', ['c', 'b']), statement('c', ['a', 'b'])]);
    assert.deepEqual(links, [
      ['a', 'b'],
      ['b', 'c'],
      ['a', 'c'],
    ]);
  });
});
